using System.CommandLine;
using Makatea.Cli;
using Makatea.Systems;

namespace Makatea.Commands;

/// <summary><c>makatea check SYSTEM.yaml</c>: says what is wrong with a system file.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        Argument<string> file = SystemFileArgument.Create();
        var command = new Command("check", "Check a system file, and the files that it refers to, without starting anything.") { file };
        command.SetAction(result =>
        {
            SystemDescription system = SystemFileArgument.Load(result.GetRequiredValue(file));
            result.InvocationConfiguration.Output.WriteLine(
                $"{system.Name.Value}: {Phrase.Count(system.Domains.Count, "domain")}, {Parts(system)}, {Phrase.Count(system.Disks.Count(), "disk")}: ok");
            return ExitCode.Success;
        });
        return command;
    }

    private static string Parts(SystemDescription system)
    {
        (int Count, string Noun)[] parts = [(system.Qubes.Count, "qube"), (system.Components.Count, "component")];
        return string.Join(", ", parts.Where(p => p.Count != 0).Select(p => Phrase.Count(p.Count, p.Noun)));
    }
}
