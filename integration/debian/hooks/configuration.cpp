// DB::Context::setUsersConfig: users.xml, at start and at each reload. setClustersConfig: the main configuration, at each reload.

#include <mutex>

#include "adapter.h"
#include "clickhouse.h"
#include "symbols.h"
#include "users_overlay.h"

using namespace chmtls::debian;

void DB::Context::setUsersConfig(const Poco::AutoPtr<Poco::Util::AbstractConfiguration> & config)
{
    const auto call_original = [&]
    {
        original_as<void(Context *, const Poco::AutoPtr<Poco::Util::AbstractConfiguration> &)>(Symbol::set_users_config)(
            this, config);
    };
    static std::once_flag first; // an exception leaves it unset; the server does not start then
    bool just_started = false;
    std::call_once(
        first,
        [&]
        {
            Adapter::start(*this, *config);
            just_started = true;
        });
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return call_original();

    const auto former = just_started ? std::string{} : adapter->take_users(*config);
    try
    {
        close_to_passwords(*Poco::AutoPtr<Poco::Util::AbstractConfiguration>(config));
        call_original();
    }
    catch (...)
    {
        if (!just_started)
            adapter->give_users_back(former);
        throw;
    }
}

void DB::Context::setClustersConfig(
    const Poco::AutoPtr<Poco::Util::AbstractConfiguration> & config, const std::string & config_name)
{
    original_as<void(Context *, const Poco::AutoPtr<Poco::Util::AbstractConfiguration> &, const std::string &)>(
        Symbol::set_clusters_config)(this, config, config_name);
    // After the original: what the server does with its own settings never depends on ours.
    if (auto * const adapter = Adapter::active())
        adapter->take_server(config);
}
