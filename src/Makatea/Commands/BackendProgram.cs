using System.CommandLine;
using System.CommandLine.Parsing;
using Makatea.Platform.Linux;
using Microsoft.Extensions.Logging;

namespace Makatea.Commands;

/// <summary>What the programs that serve front ends of the user's own have in common (QEMU's vhost-user document, section "Backend program conventions").</summary>
internal static class BackendProgram
{
    /// <summary>Sees to it that there is one socket.</summary>
    public static void RequireSocket(CommandResult command, Option<string> socketPath, Option<int?> fd)
    {
        bool hasPath = command.GetResult(socketPath) is not null;
        bool hasFd = command.GetResult(fd) is not null;
        if (hasPath == hasFd)
        {
            command.AddError($"found {(hasPath ? "both" : "none")} of --socket-path and --fd, expected one");
        }
    }

    /// <summary>It is nobody's component, so it gets no sandbox; but once it has what it needs it can give up the rest.</summary>
    public static void Seal(ILogger log)
    {
        try
        {
            SandboxSeal.Apply(SandboxSealRights.OpenFiles | SandboxSealRights.ExecutableMemory | SandboxSealRights.NewRings);
        }
        catch (SandboxException e)
        {
            log.LogWarning("not sealed: {Reason}", e.Message);
        }
    }
}
