#include "openssl/private_key.h"

#include <algorithm>
#include <climits>

#include <openssl/encoder.h>
#include <openssl/pem.h>

#include "openssl/error_queue.h"
#include "openssl/pem_reader.h"

namespace chmtls::openssl
{

struct PrivateKey::Shared
{
    SecretBytes pkcs8;
};

namespace
{

tl::unexpected<Error> refused(const std::string & source, std::string reason, std::string remedy)
{
    return fail(
        {.file = source,
         .field = "private key",
         .reason = std::move(reason),
         .remedy = std::move(remedy),
         .code = std::string(code(Reason::parse))});
}

struct PassphraseRequest
{
    ByteView passphrase;
    bool asked = false;
};

/// Never null when given to OpenSSL: without a callback it would ask on the terminal.
int give_passphrase(char * buffer, int size, int, void * context)
{
    auto & request = *static_cast<PassphraseRequest *>(context);
    request.asked = true;
    if (request.passphrase.empty() || request.passphrase.size() > static_cast<size_t>(std::max(size, 0)))
        return -1;
    std::copy(request.passphrase.begin(), request.passphrase.end(), buffer);
    return static_cast<int>(request.passphrase.size());
}

/// Buffers that OpenSSL allocates for a key in the clear.
struct ClearBuffer
{
    unsigned char * data = nullptr;
    size_t length = 0;

    ClearBuffer() = default;
    ClearBuffer(const ClearBuffer &) = delete;
    ClearBuffer & operator=(const ClearBuffer &) = delete;
    ~ClearBuffer() { OPENSSL_clear_free(data, length); }
};

/// A file can be put together from halves of two keys; every handshake would fail with it.
bool signature_verifies(EVP_PKEY * signer, EVP_PKEY * verifier)
{
    static constexpr std::string_view message = "does the private half belong to the public half?";
    const ByteView bytes = as_bytes(message);
    const EvpMdCtxPtr signing(EVP_MD_CTX_new());
    size_t length = 0;
    if (!signing || EVP_DigestSignInit(signing.get(), nullptr, nullptr, nullptr, signer) != 1
        || EVP_DigestSign(signing.get(), nullptr, &length, bytes.data(), bytes.size()) != 1
        || length == 0) // OpenSSL's way to say that it had no memory to find the length
        return false;
    Bytes signature(length);
    if (EVP_DigestSign(signing.get(), signature.data(), &length, bytes.data(), bytes.size()) != 1)
        return false;
    const EvpMdCtxPtr verifying(EVP_MD_CTX_new());
    return verifying && EVP_DigestVerifyInit(verifying.get(), nullptr, nullptr, nullptr, verifier) == 1
           && EVP_DigestVerify(verifying.get(), signature.data(), length, bytes.data(), bytes.size()) == 1;
}

/// Is the cause of a failure an algorithm that no loaded provider has? Empties the queue.
bool names_unknown_algorithm()
{
    const std::string said = drain_errors();
    return said.find("digital envelope routines: unsupported") != std::string::npos
           && said.find("bad decrypt") == std::string::npos; // the decoder calls everything unsupported that it cannot read
}

/// The first block that is a private key.
Result<PemBlock> find_key(ByteView pem, const std::string & source)
{
    if (pem.size() > INT_MAX)
        return refused(source, "holds no private key", "give the key in PEM form (-----BEGIN PRIVATE KEY-----)");
    auto blocks = find_pem_blocks(pem, source);
    if (!blocks)
    {
        Error error = std::move(blocks.error());
        error.field = "private key";
        return fail(std::move(error));
    }
    const auto key
        = std::find_if(blocks->begin(), blocks->end(), [](const PemBlock & each) { return each.label.ends_with("PRIVATE KEY"); });
    if (key != blocks->end() && key->label == "OPENSSH PRIVATE KEY")
        return refused(
            source, "is a key in OpenSSH's own format", "write it as PEM, in its place: ssh-keygen -p -m PKCS8 -f FILE");
    if (key != blocks->end())
        return *key;
    if (const auto other = blocks->empty() ? recognise(pem) : std::nullopt)
        return refused(source, "is " + other->name + ", not a private key in PEM form", other->remedy);
    return refused(source, "holds no private key", "give the key in PEM form (-----BEGIN PRIVATE KEY-----)");
}

using EncoderPtr = std::unique_ptr<OSSL_ENCODER_CTX, Freed<OSSL_ENCODER_CTX_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO_free>>; // wipes the key's octets

}

PrivateKey::PrivateKey(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

Result<PrivateKey> PrivateKey::from_pem(ByteView pem, const std::string & source, const SecretBytes & passphrase)
{
    if (pem.empty())
        return refused(source, "the file is empty", "write the private key in PEM form");
    auto block = find_key(pem, source);
    if (!block)
        return fail(std::move(block.error()));
    SecretBytes copy;
    ByteView text = block->text;
    if (block->indented)
    {
        copy = SecretBytes(block->text.size() + 1);
        copy.shrink(unindent(*block, copy.mutable_view()));
        text = copy.view();
    }

    const ErrorScope errors;
    const BioPtr input(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    PassphraseRequest request{.passphrase = passphrase.view()};
    const EvpPkeyPtr key(input ? PEM_read_bio_PrivateKey(input.get(), nullptr, give_passphrase, &request) : nullptr);
    if (key)
        return from_key(key.get(), source);
    if (request.asked && passphrase.empty())
        return refused(
            source, "is encrypted and no passphrase is configured", "set it in privateKeyPassphraseHandler.options.password");
    if (request.asked && passphrase.size() > PEM_BUFSIZE)
        return refused(source, "is encrypted and the passphrase is longer than 1024 bytes", "choose a shorter passphrase");
    if (request.asked && names_unknown_algorithm())
        return refused(
            source, "is encrypted with an algorithm that OpenSSL 3 has only in its legacy provider",
            "encrypt it again: openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in FILE -out FILE.new");
    if (request.asked)
        return refused(
            source, "cannot be decrypted: the passphrase is wrong or the key is damaged",
            "correct privateKeyPassphraseHandler.options.password");
    return refused(source, "is damaged (" + drain_errors() + ")", "write the file whole, and rename it into its place");
}

Result<PrivateKey> PrivateKey::from_key(EVP_PKEY * key, const std::string & source)
{
    const ErrorScope errors;
    // Not EVP_PKEY2PKCS8: it leaves an unwiped copy behind.
    const EncoderPtr encoder(OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo", nullptr));
    ClearBuffer buffer;
    if (!encoder || OSSL_ENCODER_to_data(encoder.get(), &buffer.data, &buffer.length) != 1)
        return refused(source, "cannot be used as a private key (" + drain_errors() + ")", "use an RSA, EC or Ed25519 key");
    auto shared = std::make_shared<Shared>();
    shared->pkcs8 = SecretBytes(ByteView(buffer.data, buffer.length));
    return PrivateKey(std::move(shared));
}

ByteView PrivateKey::pkcs8() const
{
    return shared_->pkcs8.view();
}

Result<EvpPkeyPtr> PrivateKey::open() const
{
    const ErrorScope errors;
    const ByteView der = pkcs8();
    const unsigned char * at = der.data();
    const Pkcs8Ptr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
    EvpPkeyPtr key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
    if (!key)
        return refused({}, "cannot be opened (" + drain_errors() + ")", "check the memory of the system");
    return key;
}

bool PrivateKey::matches(const Certificate & certificate) const
{
    const auto key = open();
    if (!key)
        return false;
    const ErrorScope errors;
    EVP_PKEY * const certified = X509_get0_pubkey(certificate.x509());
    return certified != nullptr && EVP_PKEY_eq(certified, key->get()) == 1 && signature_verifies(key->get(), certified);
}

}
