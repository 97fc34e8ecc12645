#include "generation/findings.h"

namespace chmtls::generation
{

void append(Errors & errors, Errors more, const std::string & field)
{
    for (Error & error : more)
    {
        if (error.field.empty())
            error.field = field;
        errors.push_back(std::move(error));
    }
}

}
