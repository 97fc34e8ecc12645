/* The header first and alone: it needs nothing but <stddef.h> and <stdint.h>. */
#include <clickhouse_mtls/plugin.h>

#include "layout.inc"
