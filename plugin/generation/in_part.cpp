#include "generation/in_part.h"

#include <algorithm>
#include <set>
#include <span>

namespace chmtls::generation
{

namespace
{

/// What is taken or left as one.
struct Source
{
    std::string path;    ///< a file or a directory
    std::string entry{}; ///< a name in the directory `path`; empty: all of `path`

    [[nodiscard]] std::string directory() const { return path.ends_with('/') ? path : path + "/"; }

    /// Is it, or belongs it to the source: a signature, a file of the directory?
    [[nodiscard]] bool owns(const std::string & file) const
    {
        if (!entry.empty())
            return file == directory() + entry || file == signature_file(directory() + entry);
        return file == path || file == signature_file(path) || file.starts_with(directory());
    }
};

const std::optional<std::vector<std::string>> * listing_of(const Contents & contents, const std::string & path)
{
    const auto found = contents.listings.find(path);
    return found == contents.listings.end() ? nullptr : &found->second;
}

bool lists(const Contents & contents, const Source & source)
{
    const auto * names = listing_of(contents, source.path);
    return names != nullptr && names->has_value()
           && std::find((*names)->begin(), (*names)->end(), source.entry) != (*names)->end();
}

/// Each file of a directory that is one in both, else the path as a whole.
void add_directory(std::vector<Source> & sources, const std::string & path, const Contents & one, const Contents & other)
{
    const auto * names = listing_of(one, path);
    const auto * other_names = listing_of(other, path);
    if (names == nullptr || other_names == nullptr || !*names || !*other_names)
    {
        sources.push_back({path});
        return;
    }
    std::set<std::string> entries((*names)->begin(), (*names)->end());
    entries.insert((*other_names)->begin(), (*other_names)->end());
    for (const std::string & entry : entries)
        if (!entry.ends_with(signature_file("")))
            sources.push_back({path, entry});
}

std::vector<Source> sources_of(const Material & named, const Contents & one, const Contents & other)
{
    std::vector<Source> result;
    const auto add_lists = [&](const std::vector<ListMaterial> & lists)
    {
        for (const ListMaterial & list : lists)
            add_directory(result, list.path, one, other);
    };
    add_lists(named.lists);
    for (const DomainMaterial & domain : named.trust_domains)
    {
        result.push_back({domain.bundle.path});
        add_lists(domain.lists);
    }
    for (const Piece & rules : named.rules)
        result.push_back({rules.path});
    for (const SectionMaterial * section : {&named.server, &named.client})
        if (!section->ca_config.empty())
            result.push_back({section->ca_config});
    for (const std::string & path : named.system_paths)
        add_directory(result, path, one, other);
    return result;
}

/// Digest of what the source holds, and of its absence.
Digest32 digest_of(const Contents & contents, const Source & source)
{
    Contents own;
    for (const auto & [path, content] : contents.files)
        if (source.owns(path))
            own.files.emplace(path, content);
    if (source.entry.empty())
    {
        if (const auto * names = listing_of(contents, source.path))
            own.listings.emplace(source.path, *names);
    }
    else
        own.listings.emplace(source.path, std::vector<std::string>{lists(contents, source) ? source.entry : ""});
    return FileSet(own).digest();
}

void put_entry(std::optional<std::vector<std::string>> & names, const std::string & entry, bool present)
{
    std::set<std::string> all(names->begin(), names->end());
    if (present)
        all.insert(entry);
    else
        all.erase(entry);
    names->assign(all.begin(), all.end());
}

/// Makes the source in `into` what it is in `from`.
void replace(Contents & into, const Contents & from, const Source & source)
{
    std::erase_if(into.files, [&](const auto & each) { return source.owns(each.first); });
    for (const auto & [path, content] : from.files)
        if (source.owns(path))
            into.files.insert_or_assign(path, content);
    if (!source.entry.empty())
    {
        // A signature has its own place in the list.
        put_entry(into.listings.at(source.path), source.entry, lists(from, source));
        return;
    }
    into.listings.erase(source.path);
    if (const auto * names = listing_of(from, source.path))
        into.listings.emplace(source.path, *names);
}

class Mixer
{
public:
    Mixer(const Asked & asked, const Reading & reading, const Contents & in_force, UnixTime now, const Generation & previous)
        : asked_(asked), reading_(reading), news_(reading.files.contents()), now_(now), previous_(previous)
    {
        result_.contents = in_force;
    }

    std::optional<InPart> run()
    {
        std::vector<Source> open;
        for (const Source & source : sources_of(reading_.material, news_, result_.contents))
            if (digest_of(news_, source) != digest_of(result_.contents, source))
                open.push_back(source);
        // A list may need the authority that comes behind it: as long as something is taken, the rest is tried again.
        for (size_t before = open.size() + 1; !open.empty() && open.size() < before;)
        {
            before = open.size();
            left_.clear();
            take(open);
            open = left_;
        }
        if (!result_.generation)
            return std::nullopt;
        return std::move(result_);
    }

private:
    /// All of them if they build, else each half for itself: few builds where few are broken.
    void take(std::span<const Source> sources)
    {
        Contents mixed = result_.contents;
        for (const Source & source : sources)
            replace(mixed, news_, source);
        Reading reading = read_from(mixed, asked_, sequences());
        reading.digest = digest_in_part(asked_, reading.files);
        if (auto built = build(asked_, reading, now_, &previous_))
        {
            result_.generation = std::move(*built);
            result_.contents = std::move(mixed);
            for (const Source & source : sources)
                result_.taken.push_back(source.entry.empty() ? source.path : source.directory() + source.entry);
            return;
        }
        if (sources.size() == 1)
        {
            left_.push_back(sources.front());
            return;
        }
        take(sources.first(sources.size() / 2));
        take(sources.subspan(sources.size() / 2));
    }

    /// A state file that cannot be read is no reason to wait; the numbers in force are known.
    [[nodiscard]] Result<signature::Sequences> sequences() const
    {
        return reading_.sequences ? *reading_.sequences : signature::Sequences();
    }

    const Asked & asked_;
    const Reading & reading_;
    Contents news_;
    UnixTime now_;
    const Generation & previous_;
    InPart result_;
    std::vector<Source> left_;
};

}

Digest32 digest_in_part(const Asked & asked, const FileSet & files)
{
    Digester digester;
    digester.add("in part").add(ByteView(digest_of(asked, files)));
    return digester.finish();
}

Asked rules_of(const Asked & asked)
{
    Asked rules;
    rules.settings.enabled = true;
    rules.settings.rules = asked.settings.rules;
    rules.settings.rules_files = asked.settings.rules_files;
    if (const auto & nodes = asked.settings.nodes)
    {
        rules.settings.nodes.emplace();
        rules.settings.nodes->peers = nodes->peers;
        rules.settings.nodes->acts_as = nodes->acts_as;
        rules.settings.nodes->table_functions = nodes->table_functions;
    }
    rules.settings.keeper = asked.settings.keeper;
    rules.users = asked.users;
    rules.user_rights = asked.user_rights;
    rules.open_users = asked.open_users;
    rules.rights_of_certificate_users = asked.rights_of_certificate_users;
    rules.every_user = asked.every_user;
    return rules;
}

void exchange_rules(Asked & asked, Asked & rules) noexcept
{
    std::swap(asked.settings.rules, rules.settings.rules);
    std::swap(asked.settings.rules_files, rules.settings.rules_files);
    std::swap(asked.users, rules.users);
    std::swap(asked.user_rights, rules.user_rights);
    std::swap(asked.open_users, rules.open_users);
    std::swap(asked.rights_of_certificate_users, rules.rights_of_certificate_users);
    std::swap(asked.every_user, rules.every_user);
    // Whether there are such rules at all is another question, and not one of taking away.
    if (asked.settings.nodes && rules.settings.nodes)
    {
        std::swap(asked.settings.nodes->peers, rules.settings.nodes->peers);
        std::swap(asked.settings.nodes->acts_as, rules.settings.nodes->acts_as);
        std::swap(asked.settings.nodes->table_functions, rules.settings.nodes->table_functions);
    }
    if (asked.settings.keeper && rules.settings.keeper)
        std::swap(asked.settings.keeper, rules.settings.keeper);
}

bool same_rules(const Asked & asked, const Asked & rules)
{
    Asked one = rules_of(asked);
    Asked other = rules_of(rules);
    if (!one.settings.nodes || !other.settings.nodes)
        one.settings.nodes = other.settings.nodes = std::nullopt;
    if (!one.settings.keeper || !other.settings.keeper)
        one.settings.keeper = other.settings.keeper = std::nullopt;
    const FileSet none;
    return digest_of(one, none) == digest_of(other, none);
}

std::optional<InPart>
build_in_part(const Asked & asked, const Reading & reading, const Contents & in_force, UnixTime now, const Generation & previous)
{
    return Mixer(asked, reading, in_force, now, previous).run();
}

}
