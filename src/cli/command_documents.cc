#include <map>
#include <sstream>

#include "app/version.h"
#include "cli/commands.h"

namespace aerie::cli {
namespace {

// CLI11 gives const and non-const walks different shapes; this is the one used here.
std::vector<CLI::App*> Subcommands(CLI::App& app) {
  std::vector<CLI::App*> visible;
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) visible.push_back(sub);
  }
  return visible;
}

std::vector<std::string> LongOptions(CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return words;
}

// "backup create" -> words that may follow it.
void CollectWords(CLI::App& app, const std::string& path,
                  std::map<std::string, std::vector<std::string>>& words) {
  auto& mine = words[path];
  for (CLI::App* sub : Subcommands(app)) {
    mine.push_back(sub->get_name());
    CollectWords(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), words);
  }
  for (std::string& option : LongOptions(app)) mine.push_back(std::move(option));
}

std::string Spaced(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// One case per command path; the shells differ only in how they ask.
std::string BashCompletion(CLI::App& root) {
  std::map<std::string, std::vector<std::string>> words;
  CollectWords(root, "", words);
  std::ostringstream out;
  out << "# bash completion of aerie: source it, or put it in /etc/bash_completion.d/aerie\n"
         "_aerie() {\n"
         "  local path='' word i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    [[ $word == -* ]] && continue\n"
         "    case \"${path:+$path }$word\" in\n";
  std::string paths;
  for (const auto& [path, follow] : words) {
    if (!path.empty()) paths += (paths.empty() ? "" : "|") + ("'" + path + "'");
  }
  out << "      " << paths << ") path=\"${path:+$path }$word\" ;;\n    esac\n  done\n"
      << "  local words=''\n  case \"$path\" in\n";
  for (const auto& [path, follow] : words) {
    out << "    '" << path << "') words='" << Spaced(follow) << "' ;;\n";
  }
  out << "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  [[ ${#COMPREPLY[@]} -eq 0 ]] && "
         "COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o filenames -F _aerie aerie\n";
  return out.str();
}

std::string ZshCompletion(CLI::App& root) {
  return "#compdef aerie\n# zsh completion of aerie, through its bash completion\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         BashCompletion(root);
}

std::string FishEscaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void FishCommands(CLI::App& app, const std::vector<std::string>& path, std::ostringstream& out) {
  std::string condition;
  if (path.empty()) {
    condition = "__fish_use_subcommand";
  } else {
    for (const auto& word : path) {
      condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    }
  }
  for (CLI::App* sub : Subcommands(app)) {
    out << "complete -c aerie -f -n '" << condition << "' -a " << sub->get_name() << " -d '"
        << FishEscaped(sub->get_description()) << "'\n";
    auto deeper = path;
    deeper.push_back(sub->get_name());
    FishCommands(*sub, deeper, out);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      out << "complete -c aerie -n '" << (path.empty() ? "true" : condition) << "' -l " << name
          << " -d '" << FishEscaped(option->get_description()) << "'\n";
    }
  }
}

std::string FishCompletion(CLI::App& root) {
  std::ostringstream out;
  out << "# fish completion of aerie\n";
  FishCommands(root, {}, out);
  return out.str();
}

std::string Troff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out = "\\&" + out;
  return out;
}

void ManOptions(CLI::App& app, std::ostringstream& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    std::string head = option->get_name(option->get_positional(), true);
    if (option->get_items_expected_max() > 0 && !option->get_positional()) {
      head += " " + option->get_type_name();
    }
    out << ".TP\n.B " << Troff(head) << "\n" << Troff(option->get_description());
    if (!option->get_default_str().empty()) {
      out << " (default " << Troff(option->get_default_str()) << ")";
    }
    out << "\n";
  }
}

void ManCommands(CLI::App& app, const std::string& path, std::ostringstream& out) {
  for (CLI::App* sub : Subcommands(app)) {
    const std::string name = path.empty() ? sub->get_name() : path + " " + sub->get_name();
    if (Subcommands(*sub).empty()) {
      out << ".SS aerie " << Troff(name) << "\n" << Troff(sub->get_description()) << "\n";
      ManOptions(*sub, out);
    } else {
      ManCommands(*sub, name, out);
    }
  }
}

std::string ManPage(CLI::App& root) {
  std::ostringstream out;
  out << ".TH AERIE 1 \"\" \"" << app::kProgram << "\" \"User commands\"\n"
      << ".SH NAME\naerie \\- back up, verify and restore Milvus clusters\n"
      << ".SH SYNOPSIS\n.B aerie\n[\\-\\-config FILE] [\\-o text|json] [\\-q | \\-v] COMMAND\n"
      << ".SH DESCRIPTION\n"
      << Troff(root.get_description()) << "\n.SH OPTIONS\n";
  ManOptions(root, out);
  out << ".SH COMMANDS\n";
  ManCommands(root, "", out);
  out << ".SH EXIT STATUS\n"
         ".TP\n.B 0\ndone\n.TP\n.B 1\nfailed\n.TP\n.B 2\nwrong usage or configuration\n"
         ".TP\n.B 3\ndone in part; the result names what failed\n.TP\n.B 4\ndifference found\n"
         ".TP\n.B 5\nlocked\n.TP\n.B 6\nwrong key\n.TP\n.B 7\nnot there\n"
         ".TP\n.B 8\nrefused for safety\n.TP\n.B 130\ninterrupted\n"
         ".SH ENVIRONMENT\n"
         ".TP\n.B AERIE_PASSWORD\npassphrase of the repository\n"
         ".TP\n.B AERIE_NEW_PASSWORD\nnew passphrase or password, where a command makes one\n"
         ".TP\n.B AERIE_REPO\nrepository meant when \\-\\-repo is not given\n"
         ".TP\n.B AERIE_CONFIG\nconfiguration file\n"
         ".TP\n.B AERIE_KEY_DIR\nfolder of the passphrases that aerie generated\n"
         ".TP\n.B MILVUS_PASSWORD\npassword of the cluster's user\n"
         ".TP\n.B MILVUS_TOKEN\ntoken of the cluster\n"
         ".TP\n.B MILVUS_TO_PASSWORD MILVUS_TO_TOKEN\nthe same of the cluster that is copied to\n";
  return out.str();
}

}  // namespace

void AddDocumentCommands(CLI::App& root, Action& action) {
  CLI::App* completion = root.add_subcommand("completion", "Print a shell's completion script");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&action, &root, shell] {
    action = [&root, shell](Environment&) {
      CommandResult result;
      result.text = *shell == "fish"  ? FishCompletion(root)
                    : *shell == "zsh" ? ZshCompletion(root)
                                      : BashCompletion(root);
      return result;
    };
  });
  root.add_subcommand("man", "Print the manual page")->callback([&action, &root] {
    action = [&root](Environment&) {
      CommandResult result;
      result.text = ManPage(root);
      return result;
    };
  });
}

}  // namespace aerie::cli
