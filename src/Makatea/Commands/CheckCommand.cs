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
                $"{system.Name.Value}: {Phrase.Count(system.Domains.Count, "domain")}, {Phrase.Count(system.Qubes.Count, "qube")}, {Phrase.Count(system.Qubes.Sum(q => q.Disks.Count()), "disk")}: ok");
            return ExitCode.Success;
        });
        return command;
    }
}
