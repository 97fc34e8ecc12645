#pragma once

// The first packet of ClickHouse's native protocol, read along with the server: the server logs the names in it before it looks
// at the user.
//
// Hello (18.16): packet type 0, client name, three version numbers, default database, user, password. Numbers are LEB128, strings
// have their length in front.

#include <cstddef>
#include <cstdint>
#include <string>

namespace chmtls::debian
{

class HelloReader
{
public:
    /// The bytes that were received, in order, before the server sees them. Control characters in the names become '?'.
    void read(char * data, size_t size) noexcept;

    /// No more bytes are wanted: all names have been read, or it is no Hello.
    [[nodiscard]] bool done() const noexcept { return field_ == Field::none; }

    /// Had the client's name or the database control characters in it?
    [[nodiscard]] bool unprintable() const noexcept { return unprintable_; }

    /// The user's name as it was sent, when it had; at most the first 1024 bytes of it. Empty: it had none.
    [[nodiscard]] std::string unprintable_user() const { return unprintable_user_ ? user_ : std::string(); }

private:
    enum class Field : uint8_t
    {
        packet_type,
        client_name,
        version_major,
        version_minor,
        revision,
        database,
        user,
        none,
    };

    [[nodiscard]] bool is_text() const noexcept
    {
        return field_ == Field::client_name || field_ == Field::database || field_ == Field::user;
    }
    void read_number(unsigned char byte) noexcept;
    void read_text(char & c) noexcept;
    void next_field() noexcept { field_ = static_cast<Field>(static_cast<uint8_t>(field_) + 1); }

    Field field_ = Field::packet_type;
    bool in_text_ = false; ///< the field's length has been read
    uint64_t number_ = 0;
    unsigned shift_ = 0;
    uint64_t left_ = 0; ///< bytes of the text
    bool unprintable_ = false;
    bool unprintable_user_ = false;
    std::string user_;
};

}
