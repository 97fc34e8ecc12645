# The module shows the world one symbol, and nothing of OpenSSL, Poco or the C++ library.
# cmake -DNM=... -DREADELF=... -DMODULE=... -P exports.cmake
execute_process(COMMAND ${NM} -D --defined-only ${MODULE} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${symbols}" symbols)
string(REPLACE "\n" ";" symbols "${symbols}")
list(LENGTH symbols count)
if(NOT count EQUAL 1 OR NOT symbols MATCHES " T chmtls_get_plugin_api$")
    message(FATAL_ERROR "${MODULE} must export exactly chmtls_get_plugin_api, and exports ${count}: ${symbols}")
endif()

execute_process(COMMAND ${READELF} -d ${MODULE} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
if(NOT dynamic MATCHES "NODELETE")
    message(FATAL_ERROR "${MODULE} could be unloaded under its host's feet (no NODELETE)")
endif()
if(dynamic MATCHES "RPATH|RUNPATH")
    message(FATAL_ERROR "${MODULE} names a directory to load libraries from")
endif()
