// docs/login.md is the table of the decision on a login. Each of its cells is asked.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "world.h"

namespace chmtls::test
{

namespace
{

using policy::Interface;
using policy::Login;
using policy::Outcome;

using Row = std::vector<std::string>;

/// What stands between bars, without blanks around it and without backticks.
Row cells_of(const std::string & line)
{
    Row cells;
    for (size_t begin = 1, end = line.find('|', begin); end != std::string::npos; begin = end + 1, end = line.find('|', begin))
    {
        std::string cell = line.substr(begin, end - begin);
        std::erase(cell, '`');
        cell.erase(0, cell.find_first_not_of(' '));
        cell.erase(cell.find_last_not_of(' ') + 1);
        cells.push_back(cell);
    }
    return cells;
}

/// The rows below the heading.
std::vector<Row> table()
{
    std::ifstream page(CHMTLS_LOGIN_TABLE);
    std::vector<Row> rows;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with('|') && !line.starts_with("|-"))
            rows.push_back(cells_of(line));
    if (!rows.empty())
        rows.erase(rows.begin());
    return rows;
}

const std::map<std::string, Login> & logins()
{
    static const std::map<std::string, Login> known{
        {"native, no password", {.interface = Interface::native, .user = {}, .user_named = true}},
        {"native, a password", {.interface = Interface::native, .user = {}, .user_named = true, .password_given = true}},
        {"HTTP, the header", {.interface = Interface::http, .user = {}, .user_named = true, .certificate_asked = true}},
        {"HTTP, the header and a password",
         {.interface = Interface::http, .user = {}, .user_named = true, .password_given = true, .certificate_asked = true}},
        {"HTTP, the header and other credentials",
         {.interface = Interface::http, .user = {}, .user_named = true, .certificate_asked = true, .other_credentials = true}},
        {"HTTP, a password", {.interface = Interface::http, .user = {}, .user_named = true, .password_given = true}},
        {"HTTP, neither", {.interface = Interface::http, .user = {}, .user_named = true}},
        {"HTTP, neither, always", {.interface = Interface::http, .user = {}, .user_named = true}},
    };
    return known;
}

/// dave has <ssl_certificates> and a password, carol has <ssl_certificates> alone.
std::shared_ptr<generation::Generation> with_users(const std::string & row)
{
    auto made = world().generation();
    made->users = must(mapping::ClickHouseUsers::compile({
        {.user = "carol", .common_names = {"carol"}, .subject_alt_names = {}, .has_password = false, .source = "users.xml"},
        {.user = "dave", .common_names = {"dave"}, .subject_alt_names = {}, .has_password = true, .source = "users.xml"},
    }));
    if (row.ends_with("always"))
        made->settings.certificate_login = config::CertificateLogin::always;
    return made;
}

std::string answer(const std::string & row, size_t column, const std::string & user)
{
    const auto generation = with_users(row);
    policy::IdentityPtr identity;
    auto now = world().now;
    if (column > 0)
    {
        const auto verdict
            = world().verify_client(*generation, {world().client(leaf_spec(column == 2 ? "mallory" : user)).certificate});
        EXPECT_TRUE(verdict.accepted()) << verdict.message;
        identity = verdict.identity;
        if (column == 3)
            now = identity->valid_until;
    }
    auto login = logins().at(row);
    login.user = user;
    const auto decision = policy::authorize(policy::standing_of(*generation, identity, now), login);
    switch (decision.outcome)
    {
    case Outcome::granted:
        return "granted";
    case Outcome::declined:
        return "declined";
    case Outcome::refused:
        break;
    }
    return "refused " + std::string(code(decision.reason));
}

TEST(LoginTable, EachCellIsWhatTheModuleAnswers)
{
    const auto rows = table();
    ASSERT_EQ(rows.size(), logins().size());
    for (const auto & row : rows)
    {
        ASSERT_EQ(row.size(), 5u) << row.front();
        ASSERT_TRUE(logins().contains(row.front())) << row.front();
        for (size_t column = 0; column < 4; ++column)
            EXPECT_EQ(answer(row.front(), column, "dave"), row[column + 1]) << row.front() << ", column " << column + 1;
    }
}

TEST(LoginTable, WhatIsDeclinedIsRefusedForAUserWithCertificatesOnly)
{
    for (const auto & row : table())
        for (size_t column = 0; column < 4; ++column)
        {
            const auto is = answer(row.front(), column, "carol");
            SCOPED_TRACE(row.front() + ", column " + std::to_string(column + 1) + ": " + is);
            if (row[column + 1] == "declined")
                EXPECT_TRUE(is.starts_with("refused"));
            else
                EXPECT_EQ(is, row[column + 1]);
        }
}

}

}
