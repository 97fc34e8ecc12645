// Whatever arrives at a bound server before the peer has shown anything: never an identity, never a finished handshake, and a
// server name only as OpenSSL reads it, too.

#include <openssl/err.h>

#include "handshake/bound.h"
#include "support/module_world.h"
#include "target.h"

using namespace chmtls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    static const test::ModuleWorld world;
    static const auto plugin = world.plugin();
    static test::Bound bound(plugin);
    static const auto context = []
    {
        auto made = bound.server(TLS1_3_VERSION);
        SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
        return made;
    }();

    const test::SslPtr ssl(SSL_new(context.get()));
    BIO * const in = BIO_new_mem_buf(data, static_cast<int>(size));
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl.get());
    const int finished = SSL_do_handshake(ssl.get());
    ERR_clear_error();

    fuzz::require(finished != 1 && host::SslBinding::identity_of(ssl.get()) == nullptr);
    const auto listener = host::SslBinding::listener_of(ssl.get());
    fuzz::require(listener.empty() || listener == "tcp_port_secure");
    // OpenSSL has taken a name only after the binding has read the same extension and found nothing wrong with it.
    if (SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name) != nullptr)
        fuzz::require(!listener.empty());
    return 0;
}
