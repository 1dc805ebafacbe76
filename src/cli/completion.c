/* SPDX-License-Identifier: Apache-2.0
 *
 * Completions for bash, zsh and fish.  The scripts ask the program itself for the names of
 * jobs (JOB_NAMES_COMMAND); other people chose these bytes, and no shell may expand them: each
 * script adds them unchanged, quoted.
 */
#include "cli/completion.h"

#include <string.h>

#include "cli/command.h"
#include "setup/form.h"

/* Calls `each` for every option of the command. */
static void each_option(struct buffer *out, const struct command *command,
                        void (*each)(struct buffer *, const struct command *,
                                     const struct option_row *))
{
    const struct option_row *row;
    for (unsigned i = 0; (row = command_option(command, i)); i++)
        each(out, command, row);
}

static bool is_short(const struct option_row *option)
{
    return option->letter && option->letter != '?'; /* which is a pattern to shells */
}

static bool is_optional(const struct option_row *option)
{
    return option_takes_value(option) && option->optional;
}

/* The form of an option's value; NULL: it takes none. */
static const char *form_of(const struct option_row *option)
{
    return option_takes_value(option) ? option->form : NULL;
}

/* The kind of the positional arguments. */
enum operand { OPERAND_NONE, OPERAND_WORDS, OPERAND_JOB, OPERAND_COMMAND };

static enum operand operand_of(const struct command *command)
{
    const struct option_row *row = command->operands;
    return !row || !row->name            ? OPERAND_NONE
           : row->type == OPTION_COMMAND ? OPERAND_COMMAND
           : row->type == OPTION_CHOICE  ? OPERAND_WORDS
           : form_has(row->form, "JOB")  ? OPERAND_JOB
                                         : OPERAND_NONE;
}

/* The fixed words of a form; `colon` is how the shell wants one. */
static void put_choices(struct buffer *out, const char *form, const char *colon)
{
    char word[64];
    bool open, first = true;
    for (unsigned i = 0; form_alternative(form, i, word, sizeof word, &open); i++) {
        if (!word[0])
            continue;
        buffer_print(out, "%s", first ? "" : " ");
        first = false;
        for (const char *c = word; *c; c++)
            if (*c == ':')
                buffer_print(out, "%s", colon);
            else
                buffer_append(out, c, 1);
    }
}

static bool has_choices(const char *form)
{
    char word[64];
    bool open;
    for (unsigned i = 0; form_alternative(form, i, word, sizeof word, &open); i++)
        if (word[0])
            return true;
    return false;
}

/* A sentence inside '...', with a backslash before each character of `escaped`. */
static void put_quoted(struct buffer *out, const char *text, const char *escaped)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            buffer_print(out, "'\\''");
        else if (strchr(escaped, *c))
            buffer_print(out, "\\%c", *c);
        else
            buffer_append(out, c, 1);
    }
}

/* --- bash --- */

static void bash_option(struct buffer *out, const struct command *command,
                        const struct option_row *option)
{
    (void)command;
    buffer_print(out, " --%s", option->name);
    if (is_short(option))
        buffer_print(out, " -%c", option->letter);
}

static void bash_valued(struct buffer *out, const struct command *command,
                        const struct option_row *option)
{
    (void)command;
    if (form_of(option) && !is_optional(option))
        buffer_print(out, " --%s", option->name);
}

static void bash_choices(struct buffer *out, const struct command *command,
                         const struct option_row *option)
{
    if (!form_of(option) ||
        (!has_choices(option->form) && !form_has_file(option->form) && !form_has_job(option->form)))
        return;
    buffer_print(out, "    %s:--%s) choices='", command->name, option->name);
    put_choices(out, option->form, ":");
    buffer_print(out, "'; files=%d; jobs=%d ;;\n", form_has_file(option->form),
                 form_has_job(option->form));
}

void completion_bash(struct buffer *out)
{
    buffer_print(
        out,
        "# bash completion for wattune, written from its table of commands.\n\n"
        "_wattune_jobs() # not through compgen -W, which would expand a name\n{\n"
        "    local name\n"
        "    while IFS= read -r name; do\n"
        "        [[ $name == \"$cur\"* ]] && COMPREPLY+=(\"$(printf %%q \"$name\")\")\n"
        "    done < <(\"${COMP_WORDS[0]}\" " JOB_NAMES_COMMAND " 2>/dev/null)\n"
        "}\n\n"
        "_wattune()\n{\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} option='' prefix='' i\n"
        "    local options='' valued='' operand='' words='' choices='' files=0 jobs=0 found\n"
        "    COMPREPLY=()\n"
        "    if ((COMP_CWORD == 1)); then\n"
        "        COMPREPLY=($(compgen -W '");
    for (unsigned i = 0; commands[i]; i++)
        buffer_print(out, "%s ", commands[i]->name);
    buffer_print(out, "--help --version' -- \"$cur\"))\n"
                      "        return\n"
                      "    fi\n"
                      "    case $command in\n");
    static const char *const operands[] = {"", "words", "job", "command"};
    for (unsigned i = 0; commands[i]; i++) {
        buffer_print(out, "    %s) options='", commands[i]->name);
        each_option(out, commands[i], bash_option);
        buffer_print(out, " ' valued='");
        each_option(out, commands[i], bash_valued);
        buffer_print(out, " ' operand='%s'", operands[operand_of(commands[i])]);
        if (operand_of(commands[i]) == OPERAND_WORDS) {
            buffer_print(out, " words='");
            put_choices(out, commands[i]->operands->form, ":");
            buffer_print(out, "'");
        }
        buffer_print(out, " ;;\n");
    }
    buffer_print(
        out,
        "    *) return ;;\n    esac\n"
        "    # The words before this one: where the user's own command begins, and which option "
        "wants a value.\n"
        "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
        "        if [[ $option ]]; then\n"
        "            [[ ${COMP_WORDS[i]} == = ]] || option=''\n"
        "        elif [[ $operand == command && ${COMP_WORDS[i]} == -- ]]; then\n"
        "            ((i++)); break\n"
        "        elif [[ ${COMP_WORDS[i]} == --* && ${COMP_WORDS[i+1]} == = ]] ||\n"
        "             [[ ${COMP_WORDS[i]} == --* && $valued == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
        "            option=${COMP_WORDS[i]}\n"
        "        elif [[ $operand == command && ${COMP_WORDS[i]} != -* ]]; then\n"
        "            break\n"
        "        fi\n"
        "    done\n"
        "    if [[ $operand == command && ! $option ]] && { ((i < COMP_CWORD)) || [[ "
        "${COMP_WORDS[i-1]} == -- || $cur != -* ]]; }; then\n"
        "        if declare -F _command_offset >/dev/null; then\n"
        "            _command_offset \"$i\"\n"
        "        elif ((i < COMP_CWORD)); then\n"
        "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
        "        else\n"
        "            COMPREPLY=($(compgen -c -- \"$cur\"))\n"
        "        fi\n"
        "        return\n"
        "    fi\n"
        "    if [[ ! $option && $cur == --*=* ]]; then # where = does not part words\n"
        "        option=${cur%%%%=*} prefix=${cur%%%%=*}= cur=${cur#*=}\n"
        "    fi\n"
        "    [[ $cur == = ]] && cur=''\n"
        "    case $command:$option in\n"
        "    *:) ;;\n");
    for (unsigned i = 0; commands[i]; i++)
        each_option(out, commands[i], bash_choices);
    buffer_print(out, "    esac\n"
                      "    if [[ $option ]]; then\n"
                      "        COMPREPLY=($(compgen -W \"$choices\" -- \"$cur\"))\n"
                      "        if ((files)); then\n"
                      "            compopt -o filenames 2>/dev/null\n"
                      "            mapfile -t found < <(compgen -f -- \"$cur\")\n"
                      "            COMPREPLY+=(\"${found[@]}\")\n"
                      "        fi\n"
                      "        ((jobs)) && _wattune_jobs\n"
                      "        [[ $prefix ]] && COMPREPLY=(\"${COMPREPLY[@]/#/$prefix}\")\n"
                      "    elif [[ $cur == -* ]]; then\n"
                      "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                      "    elif [[ $operand == words ]]; then\n"
                      "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                      "    elif [[ $operand == job ]]; then\n"
                      "        _wattune_jobs\n"
                      "    fi\n"
                      "}\n\ncomplete -F _wattune wattune\n");
}

/* --- zsh --- */

static void zsh_value(struct buffer *out, const char *form)
{
    buffer_print(out, ":");
    put_quoted(out, form, ":\\");
    buffer_print(out, ":");
    if (has_choices(form) && form_has_file(form)) {
        buffer_print(out, "{compadd -- ");
        put_choices(out, form, "\\:");
        buffer_print(out, "; _files}");
    } else if (has_choices(form)) {
        buffer_print(out, "(");
        put_choices(out, form, "\\:");
        buffer_print(out, ")");
    } else if (form_has_file(form)) {
        buffer_print(out, "_files");
    } else if (form_has_job(form)) {
        buffer_print(out, "_wattune_jobs");
    }
}

static void zsh_option(struct buffer *out, const struct command *command,
                       const struct option_row *option)
{
    (void)command;
    buffer_print(out, "            '");
    if (is_short(option))
        buffer_print(out, "(-%c --%s)'{-%c,--%s}'", option->letter, option->name, option->letter,
                     option->name);
    else
        buffer_print(out, "--%s%s", option->name,
                     is_optional(option) ? "=-"
                     : form_of(option)   ? "="
                                         : "");
    buffer_print(out, "[");
    struct buffer help = {0};
    option_put_help(&help, option);
    put_quoted(out, buffer_text(&help), ":[]\\");
    buffer_clear(&help);
    buffer_print(out, "]");
    if (form_of(option)) {
        buffer_print(out, "%s", is_optional(option) ? ":" : "");
        zsh_value(out, option->form);
    }
    buffer_print(out, "' \\\n");
}

void completion_zsh(struct buffer *out)
{
    buffer_print(
        out,
        "#compdef wattune\n# zsh completion for wattune, written from its table of commands.\n\n"
        "_wattune_jobs()\n{\n    local -a names\n"
        "    names=(\"${(@f)$(_call_program jobs wattune " JOB_NAMES_COMMAND " 2>/dev/null)}\")\n"
        "    compadd -- $names\n}\n\n"
        "_wattune()\n{\n    local context state state_descr line\n    typeset -A opt_args\n"
        "    local -a commands\n    commands=(\n");
    for (unsigned i = 0; commands[i]; i++) {
        buffer_print(out, "        '%s:", commands[i]->name);
        put_quoted(out, commands[i]->summary, "");
        buffer_print(out, "'\n");
    }
    buffer_print(
        out, "    )\n    _arguments -C '(- *)--help[all commands]' '(- *)--version[the version]' "
             "'1: :->command' '*:: :->rest'\n"
             "    case $state in\n    command) _describe command commands ;;\n    rest)\n        "
             "case $words[1] in\n");
    for (unsigned i = 0; commands[i]; i++) {
        buffer_print(out, "        %s) _arguments \\\n", commands[i]->name);
        each_option(out, commands[i], zsh_option);
        switch (operand_of(commands[i])) {
        case OPERAND_COMMAND:
            buffer_print(out,
                         "            '(-)1:command:_command_names -e' '*::argument:_normal' ;;\n");
            break;
        case OPERAND_JOB:
            buffer_print(out, "            '1:job:_wattune_jobs' ;;\n");
            break;
        case OPERAND_WORDS:
            buffer_print(out, "            '1:action:(");
            put_choices(out, commands[i]->operands->form, ":");
            buffer_print(out, ")' '2: :' ;;\n");
            break;
        case OPERAND_NONE:
            buffer_print(out, "            && return ;;\n");
            break;
        }
    }
    buffer_print(out, "        esac ;;\n    esac\n}\n\n_wattune \"$@\"\n");
}

/* --- fish --- */

static void fish_option(struct buffer *out, const struct command *command,
                        const struct option_row *option)
{
    buffer_print(out, "complete -c wattune -n '__fish_seen_subcommand_from %s' -l %s",
                 command->name, option->name);
    if (is_short(option))
        buffer_print(out, " -s '%c'", option->letter);
    if (form_of(option)) {
        bool files = form_has_file(option->form);
        buffer_print(out, "%s", is_optional(option) ? "" : files ? " -r -F" : " -x");
        if (has_choices(option->form)) {
            buffer_print(out, " -a '");
            put_choices(out, option->form, ":");
            buffer_print(out, "'");
        }
        if (form_has_job(option->form))
            buffer_print(out, " -a '(wattune " JOB_NAMES_COMMAND " 2>/dev/null)'");
    }
    buffer_print(out, " -d '");
    struct buffer help = {0};
    option_put_help(&help, option);
    for (const char *c = buffer_text(&help); *c;
         c++) /* fish: a quote and a backslash are escaped inside '...' */
        buffer_print(out, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
    buffer_clear(&help);
    buffer_print(out, "'\n");
}

void completion_fish(struct buffer *out)
{
    buffer_print(out, "# fish completion for wattune, written from its table of commands.\n\n"
                      "complete -c wattune -f\n"
                      "complete -c wattune -n __fish_use_subcommand -l help -d 'all commands'\n"
                      "complete -c wattune -n __fish_use_subcommand -l version -d 'the version'\n");
    for (unsigned i = 0; commands[i]; i++) {
        const struct command *command = commands[i];
        buffer_print(out, "complete -c wattune -n __fish_use_subcommand -a %s -d '", command->name);
        for (const char *c = command->summary; *c; c++)
            buffer_print(out, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
        buffer_print(out, "'\n");
        each_option(out, command, fish_option);
        switch (operand_of(command)) {
        case OPERAND_COMMAND:
            buffer_print(out,
                         "complete -c wattune -n '__fish_seen_subcommand_from %s' -a "
                         "'(__fish_complete_subcommand --fcs-skip=2)'\n",
                         command->name);
            break;
        case OPERAND_JOB:
            buffer_print(out,
                         "complete -c wattune -n '__fish_seen_subcommand_from %s' -a "
                         "'(wattune " JOB_NAMES_COMMAND " 2>/dev/null)'\n",
                         command->name);
            break;
        case OPERAND_WORDS:
            buffer_print(out, "complete -c wattune -n '__fish_seen_subcommand_from %s' -a '",
                         command->name);
            put_choices(out, command->operands->form, ":");
            buffer_print(out, "'\n");
            break;
        case OPERAND_NONE:
            break;
        }
    }
}
