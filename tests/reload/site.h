#pragma once

// A server's files in a directory of their own, and the configuration that names them, for tests of loading and reloading.

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <openssl/x509.h>

#include "pki/issue.h"
#include "reload/manager.h"
#include "support/issue.h"
#include "support/scratch_dir.h"

namespace chmtls::test
{

namespace fs = std::filesystem;

[[nodiscard]] inline std::string text_of(const SecretBytes & bytes)
{
    return std::string(as_text(bytes.view()));
}

/// Name of the file that a hashed directory keeps this authority under.
[[nodiscard]] inline std::string hash_name(const openssl::Certificate & certificate, int number = 0)
{
    return fmt::format("{:08x}.{}", X509_subject_name_hash(certificate.x509()), number);
}

/// Generated rules: user_<i> by CN.
[[nodiscard]] inline std::string rules_text(const std::vector<mapping::RuleText> & rules)
{
    std::string text = "# rules\n";
    for (const mapping::RuleText & rule : rules)
        text += mapping::print_rule_line(rule) + "\n";
    return text;
}

[[nodiscard]] inline mapping::RuleText
common_name_rule(const std::string & name, const std::string & pattern, const std::string & user)
{
    return {name, {{mapping::Field::common_name, pattern}}, user, ""};
}

/// The contents of all kinds of files, of one moment.
struct Contents
{
    std::string server_certificate;
    std::string server_key;
    std::string sni_certificate;
    std::string sni_key;
    std::string client_certificate;
    std::string client_key;
    std::string authorities;
    std::string bundle;
    std::string crl;
    std::string rules;
};

class Site
{
public:
    Site()
    {
        fs::create_directory(dir.file("ca.d"));
        write_all(contents);
        write("ca.d/" + hash_name(root.certificate), contents.authorities);
    }

    const UnixTime now = system_time();
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    const pki::Issued other_root = must(pki::self_signed(pki::Spec::authority("other root"), now));
    const ScratchDir dir;

    std::string openssl_server; ///< more XML for openSSL.server
    std::string openssl_client; ///< more XML for openSSL.client
    std::string mtls;           ///< more XML for <mtls>
    std::string ca_config = "ca.pem";
    std::string files = "";             ///< directory of the files below dir, "" or "name/"
    std::string poll_interval = "3600"; ///< so that inotify alone must do it
    std::string users_xml;
    std::vector<std::string> watched;

    [[nodiscard]] pki::Issued issue(const std::string & name) const
    {
        return must(pki::issue(leaf_spec(name, {test::dns(name)}), root, now));
    }

    /// New keys and certificates; the authority stays.
    [[nodiscard]] Contents make(const std::string & rule_user = "alice") const
    {
        Contents made;
        const auto pair = [&](const std::string & name, std::string & certificate, std::string & key)
        {
            const pki::Issued issued = issue(name);
            certificate = pki::certificate_pem(issued.certificate);
            key = text_of(pki::key_pem(issued.key));
        };
        pair("server.example", made.server_certificate, made.server_key);
        pair("sni.example", made.sni_certificate, made.sni_key);
        pair("client.example", made.client_certificate, made.client_key);
        made.authorities = pki::certificate_pem(root.certificate);
        made.bundle = pki::certificate_pem(root.certificate);
        made.crl = pki::crl_pem(must(pki::issue_crl({}, root, now)));
        made.rules = rules_text({common_name_rule("rule", "alice", rule_user)});
        return made;
    }

    /// Name and content of each file.
    [[nodiscard]] static std::vector<std::pair<std::string, std::string>> named(const Contents & all)
    {
        return {
            {"server.crt", all.server_certificate},
            {"server.key", all.server_key},
            {"sni.crt", all.sni_certificate},
            {"sni.key", all.sni_key},
            {"client.crt", all.client_certificate},
            {"client.key", all.client_key},
            {"ca.pem", all.authorities},
            {"bundle.pem", all.bundle},
            {"crl.pem", all.crl},
            {"rules.txt", all.rules}};
    }

    void write_all(const Contents & all) const
    {
        for (const auto & [name, content] : named(all))
            write(name, content);
    }

    /// In place, mode 0600.
    void write(const std::string & name, const std::string & content) const
    {
        const std::string path = dir.write(name, content);
        fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    }

    void rename_over(const std::string & name, const std::string & content) const
    {
        write(name + ".new", content);
        fs::rename(dir.file(name + ".new"), dir.file(name));
    }

    [[nodiscard]] std::string path(const std::string & name) const { return dir.file(files + name); }

    [[nodiscard]] generation::Input input() const
    {
        generation::Input input;
        input.server_xml = fmt::format(
            R"(<clickhouse>
<tcp_port_secure>9440</tcp_port_secure>
<openSSL>
<server><certificateFile>{0}server.crt</certificateFile><privateKeyFile>{0}server.key</privateKeyFile><caConfig>{1}</caConfig>{2}</server>
<client><certificateFile>{0}client.crt</certificateFile><privateKeyFile>{0}client.key</privateKeyFile><caConfig>{0}ca.pem</caConfig>{5}</client>
</openSSL>
<mtls>
<poll_interval>{3}</poll_interval>
<server_certificates><certificate><server_name>sni.example</server_name><certificateFile>{0}sni.crt</certificateFile><privateKeyFile>{0}sni.key</privateKeyFile></certificate></server_certificates>
<trust_domains><trust_domain><name>example.org</name><bundle>{0}bundle.pem</bundle></trust_domain></trust_domains>
<crl>{0}crl.pem</crl>
<users><rules_file>{0}rules.txt</rules_file></users>
{4}
</mtls>
</clickhouse>
)",
            dir.file(files), path(ca_config), openssl_server, poll_interval, mtls, openssl_client);
        input.users_xml = users_xml;
        input.server_source = "config.xml";
        input.users_source = "users.xml";
        input.watched = watched;
        return input;
    }

    const Contents contents = make();
};

using SteadyClock = std::chrono::steady_clock;

/// A manager with what it said.
class Managed
{
public:
    struct Line
    {
        LogLevel level;
        std::string text;
    };

    explicit Managed(Clock clock = system_time)
        : manager(
            {[this](LogLevel level, const std::string & text)
             {
                 const std::lock_guard guard(mutex_);
                 lines_.push_back({level, text});
                 changed_.notify_all();
             },
             [this](const generation::GenerationPtr & generation)
             {
                 const std::lock_guard guard(mutex_);
                 published_.push_back(generation);
                 published_at_ = SteadyClock::now();
                 changed_.notify_all();
             },
             [this]
             {
                 const std::lock_guard guard(mutex_);
                 ++configuration_changes_;
                 changed_.notify_all();
             }},
            std::move(clock))
    {
    }

    /// Waits until it holds; looks again whenever the manager says something, and now and then. The deadline is long because the
    /// machine may be busy; what must be fast is measured.
    [[nodiscard]] bool eventually(const std::function<bool()> & holds, std::chrono::seconds deadline = std::chrono::seconds(30))
    {
        const auto end = SteadyClock::now() + deadline;
        while (!holds())
        {
            if (SteadyClock::now() >= end)
                return false;
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, std::chrono::milliseconds(5));
        }
        return true;
    }

    [[nodiscard]] size_t count(const std::function<bool(const Line &)> & wanted) const
    {
        const std::lock_guard guard(mutex_);
        return static_cast<size_t>(std::count_if(lines_.begin(), lines_.end(), wanted));
    }

    [[nodiscard]] size_t failure_lines() const
    {
        return count([](const Line & line) { return line.level <= LogLevel::warning && line.text.starts_with("reload failed"); });
    }

    [[nodiscard]] std::string log() const
    {
        const std::lock_guard guard(mutex_);
        std::string text;
        for (const Line & line : lines_)
            text += fmt::format("{} {}\n", static_cast<int>(line.level), line.text);
        return text;
    }

    [[nodiscard]] SteadyClock::time_point published_at() const
    {
        const std::lock_guard guard(mutex_);
        return published_at_;
    }

    [[nodiscard]] uint64_t configuration_changes() const
    {
        const std::lock_guard guard(mutex_);
        return configuration_changes_;
    }

    [[nodiscard]] uint64_t number() const { return manager.current()->number; }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Line> lines_;
    std::vector<generation::GenerationPtr> published_;
    SteadyClock::time_point published_at_;
    uint64_t configuration_changes_ = 0;

public:
    generation::Manager manager; ///< last: its thread ends before the rest goes
};

}
