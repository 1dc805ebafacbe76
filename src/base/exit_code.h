/* SPDX-License-Identifier: Apache-2.0
 *
 * Exit codes of programs.
 */
#ifndef WATTUNE_BASE_EXIT_CODE_H
#define WATTUNE_BASE_EXIT_CODE_H

/* The one list of exit codes: X(name, code, meaning).  The manual prints it. */
#define EXIT_CODE_LIST(X)                                                                          \
    X(DONE, 0, "Done.")                                                                            \
    X(OTHER, 1, "Anything that has no code of its own.")                                           \
    X(USAGE, 2,                                                                                    \
      "Wrong usage: an unknown command, option or model, a value out of range, a machine file, "   \
      "recording or trace that is wrong.")                                                         \
    X(NO_DEVICE, 3,                                                                                \
      "No such device, none left by CUDA_VISIBLE_DEVICES, or a library or device that cannot "     \
      "be opened.")                                                                                \
    X(NO_PERMISSION, 4, "No permission.")                                                          \
    X(TARGET, 5, "The job did not reach its target; `simulate`: the default batch size did not.")  \
    X(LEDGER, 6, "The ledger cannot be opened or written.")                                        \
    X(BUDGET, 8, "A budget ended it.")

#define EXIT_CODE_ENUM(name, code, meaning) EXIT_##name = (code),
enum exit_code { EXIT_CODE_LIST(EXIT_CODE_ENUM) };
#undef EXIT_CODE_ENUM

#endif
