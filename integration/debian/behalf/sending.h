#pragma once

// What the current thread sends to other nodes, as far as the query itself does not tell.

namespace chmtls::debian
{

/// While it lives, this thread passes a statement on to the leader of a replicated table. 18.16 does not say there who asked.
class AskingLeader
{
public:
    AskingLeader() noexcept;
    ~AskingLeader();
    AskingLeader(const AskingLeader &) = delete;
    AskingLeader & operator=(const AskingLeader &) = delete;

    static bool is_under_way() noexcept;
};

/// The last query of this thread: was it sent for an asker? Before a batch of rows is sent, none was.
void note_sent(bool for_asker) noexcept;
bool was_sent_for_asker() noexcept;

}
