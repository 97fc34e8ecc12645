#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "pki/issue.h"

namespace chmtls::fuzz
{

struct Seed
{
    std::string name;
    Bytes bytes;
};

/// A small PKI made once per process. Valid for a day around now.
struct Pki
{
    pki::Issued root;
    pki::Issued intermediate;
    pki::Issued leaf;
    pki::Issued svid;
};
const Pki & test_pki();

/// Seeds for a target, by its subject ("certificate", "pem", "crl", "chain"); empty for targets all of whose seeds are files.
std::vector<Seed> seeds_for(const std::string & subject);

}
