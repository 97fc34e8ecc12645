#include "hello.h"

#include <algorithm>
#include <new>

#include "log_record.h"

namespace chmtls::debian
{

namespace
{

constexpr size_t kept_of_user = 1024;
constexpr unsigned longest_number = 63; // bits before the last byte of one

}

void HelloReader::read(char * data, size_t size) noexcept
{
    for (size_t at = 0; at < size && !done(); ++at)
    {
        if (in_text_)
            read_text(data[at]);
        else
            read_number(static_cast<unsigned char>(data[at]));
    }
}

void HelloReader::read_number(unsigned char byte) noexcept
{
    if (shift_ <= longest_number)
        number_ |= static_cast<uint64_t>(byte & 0x7F) << shift_;
    shift_ += 7;
    // As the server reads it: ten bytes at most, whatever the last one says.
    if ((byte & 0x80) != 0 && shift_ <= longest_number)
        return;
    const auto number = number_;
    number_ = 0;
    shift_ = 0;
    if (field_ == Field::packet_type && number != 0)
        field_ = Field::none;
    else if (is_text() && number != 0)
    {
        in_text_ = true;
        left_ = number;
    }
    else
        next_field();
}

void HelloReader::read_text(char & c) noexcept
{
    const bool control = has_control_bytes({&c, 1});
    if (field_ == Field::user)
    {
        unprintable_user_ = unprintable_user_ || control;
        try
        {
            if (user_.size() < kept_of_user)
                user_ += c;
        }
        catch (const std::bad_alloc &) // it only goes into the log
        {
        }
    }
    else
        unprintable_ = unprintable_ || control;
    if (control)
        c = '?';
    if (--left_ != 0)
        return;
    in_text_ = false;
    next_field();
}

}
