/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of subcommands.  A new command is a row of its own file and one name here; --help, the
 * parser and the manual follow.
 */
#include "cli/command.h"

#include <stddef.h>

const struct command *const commands[] = {&command_run,
                                          &command_measure,
                                          &command_monitor,
                                          &command_limit,
                                          &command_jobs,
                                          &command_show,
                                          &command_explain,
                                          &command_forget,
                                          &command_config,
                                          &command_doctor,
                                          &command_top,
                                          &command_simulate,
                                          &command_pareto,
                                          &command_carbon,
                                          &command_report,
                                          &command_fleet,
                                          NULL};
