#pragma once

// Keys and signatures as minisign writes them, made in process.

#include <array>
#include <string>

#include "base/bytes.h"
#include "base/sodium.h"

namespace chmtls::test
{

class MinisignSigner
{
public:
    MinisignSigner()
    {
        require_sodium();
        crypto_sign_keypair(public_.data(), secret_.data());
        fill_random(id_);
    }

    [[nodiscard]] std::string public_key() const { return base64(join("Ed", id_, public_)); }

    [[nodiscard]] std::string
    sign(std::string_view content, const std::string & trusted_comment, std::string_view algorithm = "ED") const
    {
        std::array<uint8_t, crypto_generichash_BYTES_MAX> hash{};
        crypto_generichash(
            hash.data(), hash.size(), reinterpret_cast<const uint8_t *>(content.data()), content.size(), nullptr, 0);
        const auto of_file = detached(as_text(hash));
        const auto of_comment = detached(std::string(as_text(of_file)) + trusted_comment);
        return "untrusted comment: test\n" + base64(join(algorithm, id_, of_file)) + "\ntrusted comment: " + trusted_comment
               + "\n" + base64(std::string(as_text(of_comment))) + "\n";
    }

    [[nodiscard]] std::string sign(std::string_view content, uint64_t sequence) const
    {
        return sign(content, "sequence:" + std::to_string(sequence));
    }

private:
    using Detached = std::array<uint8_t, crypto_sign_BYTES>;

    [[nodiscard]] Detached detached(std::string_view message) const
    {
        Detached result{};
        crypto_sign_detached(
            result.data(), nullptr, reinterpret_cast<const uint8_t *>(message.data()), message.size(), secret_.data());
        return result;
    }

    static std::string join(std::string_view algorithm, ByteView id, ByteView rest)
    {
        return std::string(algorithm) + std::string(as_text(id)) + std::string(as_text(rest));
    }

    static std::string base64(const std::string & bytes)
    {
        std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
        sodium_bin2base64(
            text.data(), text.size(), reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size(),
            sodium_base64_VARIANT_ORIGINAL);
        text.pop_back(); // the NUL
        return text;
    }

    std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> public_{};
    std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret_{};
    std::array<uint8_t, 8> id_{};
};

}
