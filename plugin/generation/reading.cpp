#include "generation/reading.h"

#include "config/settings_digest.h"
#include "generation/sequence_file.h"

namespace chmtls::generation
{

namespace
{

/// Readings of files that somebody is writing are thrown away and begun again, so often.
constexpr int max_readings = 4;

}

Reading read(const Asked & asked)
{
    Reading reading;
    for (int attempt = 0; attempt < max_readings; ++attempt)
    {
        reading.files = FileSet();
        if (asked.settings.enabled)
            reading.material = gather(reading.files, asked.settings);
        reading.torn = reading.files.changed();
        if (!reading.torn)
            break;
    }
    reading.sequences = read_sequences(asked.settings.signed_policy);
    reading.digest = digest_of(asked, reading.files);
    return reading;
}

Reading read_from(const Contents & contents, const Asked & asked, Result<signature::Sequences> sequences)
{
    Reading reading{FileSet(contents), {}, {}, std::move(sequences), false};
    if (asked.settings.enabled)
        reading.material = gather(reading.files, asked.settings);
    return reading;
}

Digest32 digest_of(const Asked & asked, const FileSet & files)
{
    Digester digester;
    digester.add(ByteView(config::digest_of(asked.settings)));
    digester.add(ByteView(config::digest_of(asked.users)));
    digester.add(ByteView(config::digest_of(asked.user_rights)));
    digester.add(ByteView(config::digest_of(asked.rights_of_certificate_users)));
    digester.add(ByteView(config::digest_of(asked.open_users)));
    digester.add(ByteView(files.digest()));
    return digester.finish();
}

}
