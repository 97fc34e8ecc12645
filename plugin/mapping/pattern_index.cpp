#include "mapping/pattern_index.h"

namespace chmtls::mapping
{

PatternIndex::PatternIndex() = default;

uint64_t PatternIndex::exact_hash(Field field, std::string_view text) const
{
    return KeyedHash::mix(hash_(text), static_cast<uint64_t>(field));
}

void PatternIndex::add(const Pattern & pattern, const Posting & posting)
{
    const Field field = pattern.field();
    PerField & of_field = fields_[static_cast<size_t>(field)];
    used_.add(field);
    switch (pattern.kind())
    {
    case PatternKind::exact:
    {
        of_field.exact = true;
        const Ref record = add_record(arena_, field, pattern.text(), {}, posting);
        exact_.insert(
            exact_hash(field, pattern.text()), record,
            [this](Ref other)
            {
                const auto head = arena_.head<RecordHead>(other);
                return exact_hash(static_cast<Field>(head.field), arena_.text<RecordHead>(other, head.pattern_length));
            });
        return;
    }
    case PatternKind::glob:
        if (!of_field.globs)
            of_field.globs.emplace(field, hash_);
        of_field.globs->insert(pattern.text(), posting);
        return;
    case PatternKind::regex:
        if (!of_field.regexes)
            of_field.regexes.emplace(field);
        of_field.regexes->add(*pattern.regex(), posting);
        return;
    }
}

void PatternIndex::build()
{
    for (PerField & of_field : fields_)
        if (of_field.regexes)
            of_field.regexes->build();
}

void PatternIndex::find_exact(Field field, const Lookup & lookup, Hits & hits) const
{
    RecordHead head{};
    const Ref record = exact_.find(
        exact_hash(field, lookup.value),
        [&](Ref candidate)
        {
            head = arena_.head<RecordHead>(candidate);
            return head.field == static_cast<uint8_t>(field)
                   && arena_.text<RecordHead>(candidate, head.pattern_length) == lookup.value;
        });
    if (record == 0)
        return;
    const Hit hit = hit_of(arena_, record, head, lookup);
    if (head.detail == 0)
        hits.add(hit);
    else
        hits.add(hit, Captured{});
}

void PatternIndex::find(const Values & values, Hits & hits, Budget & budget) const
{
    for (size_t i = 0; i < field_count; ++i)
    {
        const auto field = static_cast<Field>(i);
        if (!used_.has(field))
            continue;
        const PerField & of_field = fields_[i];
        const size_t count = values.count(field);
        for (size_t n = 0; n < count; ++n)
        {
            if (!budget.spend(1))
                return;
            const Lookup lookup{values.at(field, n), static_cast<uint32_t>(n)};
            if (of_field.exact)
                find_exact(field, lookup, hits);
            if (of_field.globs)
                of_field.globs->find(lookup, hits, budget);
            if (of_field.regexes)
                of_field.regexes->find(lookup, hits, budget);
        }
    }
}

}
