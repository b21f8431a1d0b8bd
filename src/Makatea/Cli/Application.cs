using System.CommandLine;
using Makatea.Commands;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Sel4.Image;
using Makatea.Systems;

namespace Makatea.Cli;

/// <summary>The <c>makatea</c> command: parses its arguments, runs what they ask for, reports errors.</summary>
internal static class Application
{
    private static readonly ParserConfiguration _parser = new() { ResponseFileTokenReplacer = null };

    private static readonly Option<bool> _verbose = new("--verbose") { Description = "Show where errors come from.", Recursive = true };

    /// <summary>Runs the command.</summary>
    /// <returns>Its exit status.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error)
    {
        ParseResult result = CreateRoot().Parse(args, _parser);
        if (VhostUserBlkCommand.AsksForCapabilities(result))
        {
            return VhostUserBlkCommand.PrintCapabilities(output);
        }

        if (VhostUserNetCommand.AsksForCapabilities(result))
        {
            return VhostUserNetCommand.PrintCapabilities(output);
        }

        if (result.Errors.Count != 0)
        {
            return ReportUsage(result, error);
        }

        try
        {
            return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = output, Error = error });
        }
        catch (SystemFileException e)
        {
            error.WriteLine(e.Message);
            return ExitCode.Usage;
        }
        catch (ImageException e) when (!result.GetValue(_verbose))
        {
            error.WriteLine($"makatea: error: {e.Message}");
            return ExitCode.Failure;
        }
        catch (Exception e) when (!result.GetValue(_verbose))
        {
            bool isExpected = e is CommandException or IOException or UnauthorizedAccessException or GrantException or SandboxException;
            error.WriteLine($"makatea: error: {e.Message.ReplaceLineEndings(" ")}{(isExpected ? "" : " (--verbose shows where)")}");
            return (e as CommandException)?.ExitCode ?? ExitCode.Failure;
        }
        catch (Exception e)
        {
            error.WriteLine($"makatea: error: {e}");
            return (e as CommandException)?.ExitCode ?? ExitCode.Failure;
        }
    }

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand($"Driver domains and device virtualisation: qubes in virtual machines, their disks and networks served by sandboxed domains.\n\n{ExitCode.Help}")
        {
            UpCommand.Create(),
            DownCommand.Create(),
            LsCommand.Create(),
            TopCommand.Create(),
            FirewallCommand.Create(),
            NetCommand.Create(),
            QubeCommand.Create(),
            DevicesCommand.Create(),
            BoardCommand.Create(),
            ImageCommand.Create(),
            BootCommand.Create(),
            ConsoleCommand.Create(),
            CheckCommand.Create(),
            SchemaCommand.Create(),
            VhostUserBlkCommand.Create(),
            VhostUserNetCommand.Create(),
        };
        root.Options.OfType<VersionOption>().Single().Aliases.Add("-V");
        root.Options.Add(_verbose);
        return root;
    }

    private static int ReportUsage(ParseResult result, TextWriter error)
    {
        foreach (string message in result.Errors.Select(e => e.Message.TrimEnd('.')).Distinct())
        {
            error.WriteLine($"makatea: error: {message}{Nearest(result, message)}");
        }

        string command = string.Join(' ', NamesOf(result.CommandResult.Command).Reverse());
        error.WriteLine($"makatea: '{command} --help' shows what is allowed");
        return ExitCode.Usage;
    }

    private static IEnumerable<string> NamesOf(Command command) =>
        command is RootCommand ? ["makatea"] : [command.Name, .. command.Parents.OfType<Command>().SelectMany(NamesOf)];

    /// <summary>What was probably meant by a token that nothing takes.</summary>
    private static string Nearest(ParseResult result, string message)
    {
        string? token = result.UnmatchedTokens.FirstOrDefault(t => message.Contains($"'{t}'", StringComparison.Ordinal));
        if (token is null)
        {
            return "";
        }

        Command command = result.CommandResult.Command;
        return NearestName.Hint(token.Split('=')[0], [.. command.Options.SelectMany(o => o.Aliases.Append(o.Name)), .. command.Subcommands.Select(c => c.Name)]);
    }
}
