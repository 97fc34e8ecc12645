# What a machine that runs it needs: cmake --install build --prefix /usr/local [--component tool|server|gateway]
# The packages are made of these components, one each.
include(GNUInstallDirs)
set(chmtls_lib lib/clickhouse-mtls) # the module, and beside it whatever looks for it there
set(chmtls_here ${PROJECT_SOURCE_DIR}/packaging)

# chmtls_install_link(COMPONENT DIRECTORY NAME TARGET): TARGET is seen from DIRECTORY.
function(chmtls_install_link component directory name target)
    set(links ${PROJECT_BINARY_DIR}/links/${directory})
    file(MAKE_DIRECTORY ${links})
    file(CREATE_LINK ${target} ${links}/${name} SYMBOLIC)
    install(FILES ${links}/${name} DESTINATION ${directory} COMPONENT ${component})
endfunction()

install(TARGETS clickhouse-mtls RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tool)
install(TARGETS clickhouse_mtls LIBRARY DESTINATION ${chmtls_lib} COMPONENT tool)
install(FILES README.md DESTINATION share/doc/clickhouse-mtls COMPONENT tool)
install(FILES CHANGELOG.md DESTINATION share/doc/clickhouse-mtls/docs COMPONENT tool)
install(DIRECTORY docs DESTINATION share/doc/clickhouse-mtls COMPONENT tool FILES_MATCHING PATTERN "*.md")
install(DIRECTORY include/clickhouse_mtls DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT tool)
# Man pages and completion are what the tool itself says of its commands.
install(CODE "
    execute_process(
        COMMAND \"${CMAKE_COMMAND}\" -D \"tool=$<TARGET_FILE:clickhouse-mtls>\"
            -D \"share=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share\" -P \"${chmtls_here}/manuals.cmake\"
        COMMAND_ERROR_IS_FATAL ANY)" COMPONENT tool)

install(TARGETS clickhouse-mtls-gateway RUNTIME DESTINATION ${chmtls_lib} COMPONENT gateway)
chmtls_install_link(gateway ${CMAKE_INSTALL_BINDIR} clickhouse-mtls-gateway ../${chmtls_lib}/clickhouse-mtls-gateway)
install(FILES ${chmtls_here}/man/clickhouse-mtls-gateway.8 DESTINATION share/man/man8 COMPONENT gateway)

if(CHMTLS_DEBIAN_HOST)
    install(TARGETS clickhouse_mtls_debian LIBRARY DESTINATION ${chmtls_lib} COMPONENT server)
    install(PROGRAMS integration/debian/patch-server DESTINATION ${chmtls_lib} COMPONENT server)
    install(PROGRAMS ${chmtls_here}/server/refresh-server DESTINATION ${chmtls_lib} COMPONENT server)
    install(FILES integration/debian/symbols.txt DESTINATION ${chmtls_lib} COMPONENT server)
    chmtls_install_link(server ${CMAKE_INSTALL_SBINDIR} clickhouse-mtls-patch-server ../${chmtls_lib}/patch-server)
    install(FILES ${chmtls_here}/man/clickhouse-mtls-patch-server.8 DESTINATION share/man/man8 COMPONENT server)
endif()
