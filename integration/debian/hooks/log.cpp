// Poco's channels, where formatted records go out: what a peer wrote neither begins a line nor passes for an audit line.

#include <Poco/ConsoleChannel.h>
#include <Poco/FileChannel.h>
#include <Poco/Net/RemoteSyslogChannel.h>
#include <Poco/SyslogChannel.h>

#include "adapter.h"
#include "connection_scope.h"
#include "log.h"
#include "stranger_records.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// Not for the records of the module, which bounds its own, nor for what is written while we write.
bool may_be_written(const std::string & text, Writer writer)
{
    static StrangerRecords strangers;
    static thread_local bool reporting = false;
    if (writer == Writer::audit || reporting)
        return true;
    const auto now = std::chrono::steady_clock::now();
    if (const auto left_out = strangers.left_out(now))
    {
        reporting = true;
        say(Poco::Message::PRIO_WARNING,
            std::to_string(*left_out) + " records about TLS connections on which nobody had logged in were left out of the log");
        reporting = false;
    }
    const auto * const scope = ConnectionScope::current();
    return scope == nullptr || !scope->is_stranger() || strangers.admit(text.size(), now);
}

template <typename Channel>
void write_record(Symbol symbol, Channel * channel, const Poco::Message & message)
{
    const auto write = original_as<void(Channel *, const Poco::Message &)>(symbol);
    const auto writer = writer_of_record();
    if (Adapter::active() == nullptr)
        return write(channel, message);
    if (!may_be_written(message.getText(), writer))
        return;
    if (is_one_record(message.getText(), writer))
        return write(channel, message);
    Poco::Message rewritten(message);
    rewritten.setText(one_record(message.getText(), writer));
    write(channel, rewritten);
}

}

void Poco::FileChannel::log(const Message & message)
{
    write_record(Symbol::file_log, this, message);
}

void Poco::ConsoleChannel::log(const Message & message)
{
    write_record(Symbol::console_log, this, message);
}

void Poco::SyslogChannel::log(const Message & message)
{
    write_record(Symbol::syslog_log, this, message);
}

void Poco::Net::RemoteSyslogChannel::log(const Message & message)
{
    write_record(Symbol::remote_syslog_log, this, message);
}
