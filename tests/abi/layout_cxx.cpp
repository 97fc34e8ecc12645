// The header first and alone, as C++.
#include <clickhouse_mtls/plugin.h>

#include "layout.inc"
