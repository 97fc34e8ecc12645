#include "behalf/sending.h"

namespace chmtls::debian
{

namespace
{

thread_local bool asks_leader = false;
thread_local bool sent_for_asker = false;

}

AskingLeader::AskingLeader() noexcept
{
    asks_leader = true;
}

AskingLeader::~AskingLeader()
{
    asks_leader = false;
}

bool AskingLeader::is_under_way() noexcept
{
    return asks_leader;
}

void note_sent(bool for_asker) noexcept
{
    sent_for_asker = for_asker;
}

bool was_sent_for_asker() noexcept
{
    return sent_for_asker;
}

}
