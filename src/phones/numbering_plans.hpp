// Which numbering plans phones are read by: setting customer_identity.numbering_plans.
#pragma once

namespace customer_identity {

/// False once the setting may have changed.
extern bool plans_are_taken;

/// Puts the plans that the setting names in force; those of the installed libphonenumber, with a
/// WARNING, where the file cannot be used.
void take_plans();

}  // namespace customer_identity
