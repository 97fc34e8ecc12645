#include <binding/connection.h>

#include <new>

#include <openssl/crypto.h>

namespace chmtls::host
{
namespace
{

void free_connection(void *, void * connection, CRYPTO_EX_DATA *, int, long, void *)
{
    delete static_cast<Connection *>(connection);
}

// SSL_dup: without a copy of its own the new SSL would share ours, and with none it would expect no name.
int copy_connection(CRYPTO_EX_DATA *, const CRYPTO_EX_DATA *, void ** connection, int, long, void *)
{
    if (*connection == nullptr)
        return 1;
    try
    {
        *connection = new Connection(*static_cast<const Connection *>(*connection));
        return 1;
    }
    catch (...)
    {
        *connection = nullptr;
        return 0;
    }
}

int index()
{
    static const int value = SSL_get_ex_new_index(0, nullptr, nullptr, copy_connection, free_connection);
    return value;
}

}

Connection * Connection::of(const SSL * ssl) noexcept
{
    return static_cast<Connection *>(SSL_get_ex_data(ssl, index()));
}

Connection & Connection::at(SSL * ssl)
{
    if (auto * const present = of(ssl))
        return *present;
    auto made = std::make_unique<Connection>();
    if (SSL_set_ex_data(ssl, index(), made.get()) != 1)
        throw std::bad_alloc();
    return *made.release();
}

Connection & Connection::anew(SSL * ssl)
{
    auto & connection = at(ssl);
    connection = Connection{};
    return connection;
}

}
