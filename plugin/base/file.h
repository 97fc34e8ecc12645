#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace chmtls
{

/// Upper bounds: a file beyond them is refused, not read in part.
inline constexpr size_t max_pem_file = 64u << 20;
inline constexpr size_t max_key_file = 1u << 20;

struct FileFacts
{
    mode_t mode = 0;
    uid_t owner = 0;
};

struct FileContent
{
    Bytes bytes;
    FileFacts facts;
};

/// A file whose content never lies in ordinary memory.
struct SecretFileContent
{
    SecretBytes bytes;
    FileFacts facts;
};

/// Was the file last changed so long ago that a further change would show in its times? They are as coarse as the tick of the
/// kernel's clock (before Linux 6.13), on some file systems as two seconds: two writes within that time look like one, and what
/// was read between them can only be told by its content.
[[nodiscard]] bool is_settled(const struct stat & status) noexcept;

/// Reads a regular file whole: opened with O_CLOEXEC and without ever waiting (a FIFO or a device is refused, not read). The
/// error names path, cause (errno text) and remedy.
[[nodiscard]] Result<FileContent> read_file(const std::string & path, size_t limit = max_pem_file);

/// The same from an open directory handle (openat); `shown` is how errors name it.
[[nodiscard]] Result<FileContent> read_file_at(int directory, const std::string & name, const std::string & shown, size_t limit);

/// As read_file and read_file_at, for private keys.
[[nodiscard]] Result<SecretFileContent> read_secret_file(const std::string & path, size_t limit = max_key_file);
[[nodiscard]] Result<SecretFileContent>
read_secret_file_at(int directory, const std::string & name, const std::string & shown, size_t limit = max_key_file);

}
