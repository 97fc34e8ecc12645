#pragma once

// Calls that fail on command. The test executable has its own malloc family and its own file system calls in front of those of
// libc, for every library of the process; while an Injection lives, some of them fail.

#include <cstdint>
#include <functional>
#include <vector>

namespace chmtls::test
{

enum class Resource
{
    memory,
    files,
};

enum class Failing
{
    one,          ///< the nth call
    from_then_on, ///< the nth call and all later ones
    every,        ///< each nth call
};

enum class Whose
{
    this_thread,
    other_threads,
};

/// At most one lives at a time. Counting starts at 1.
class Injection
{
public:
    Injection(
        Resource resource, uint64_t nth, int error, Failing failing = Failing::one, Whose whose = Whose::this_thread) noexcept;
    ~Injection();
    Injection(const Injection &) = delete;
    Injection & operator=(const Injection &) = delete;

    // What is not under test in between.
    void pause() const noexcept;
    void resume() const noexcept;

    [[nodiscard]] uint64_t calls() const noexcept;
    [[nodiscard]] bool fired() const noexcept;
};

/// Numbers of the calls that `body` makes from a place (a way of calls, so many deep) from which it has not called before: when
/// the calls are many, the first one from each place stands for the others.
[[nodiscard]] std::vector<uint64_t> first_calls_from_each_place(Resource resource, const std::function<void()> & body);

/// Asked by each interposed function; true: it must fail, errno is set. Allocates nothing.
[[nodiscard]] bool must_fail(Resource resource) noexcept;

}
