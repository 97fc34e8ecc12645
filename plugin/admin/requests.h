#pragma once

// What may be asked over the admin socket: one line of JSON in, one line of JSON out.
//   {"request": "dns flush", "host": "db1.example.org"}
//   {"ok": true, "result": ...}   or   {"ok": false, "error": "..."}

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace chmtls::admin
{

/// Longest request, without its line end.
inline constexpr size_t max_request = 64u << 10;

/// Members of the request beside its name, all of them texts.
using Arguments = std::map<std::string, std::string>;

/// Gives the result as one complete JSON value on one line.
using Handler = std::function<Result<std::string>(const Arguments &)>;

class Requests
{
public:
    void add(std::string name, Handler handler) { handlers_[std::move(name)] = std::move(handler); }

    /// The answer to a line, without a line end; every line has one.
    [[nodiscard]] std::string answer(std::string_view line) const;

private:
    std::map<std::string, Handler> handlers_;
};

/// The line that asks it.
[[nodiscard]] std::string request_line(const std::string & name, const Arguments & arguments);

}
