#pragma once

// What the adapter defines or passes through of how ClickHouse 18.16 receives, runs and sends queries. All classes are opaque;
// functions whose results are objects are defined by their mangled names, see hooks/queries_sent.cpp and hooks/queries_run.cpp.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace DB
{

class Block;
class ReadBuffer;
class Settings;

class __attribute__((visibility("default"))) ClientInfo
{
public:
    void read(ReadBuffer & in, std::uint64_t client_protocol_revision);
};

class __attribute__((visibility("default"))) DistributedBlockOutputStream
{
    void writeSync(const Block & block);
    void writeToShard(const Block & block, const std::vector<std::string> & dir_names);
};

class __attribute__((visibility("default"))) StorageDistributedDirectoryMonitor
{
    static bool isFileBrokenErrorCode(int code);
};

}
