using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Gives a user namespace its one user and group. Only its parent may map to a user that is not its own.</summary>
internal static class IdMaps
{
    /// <summary>Maps <see cref="SpawnContext.InnerId"/> to a user outside.</summary>
    /// <returns>Whether it is the user asked for rather than the starter's own.</returns>
    /// <exception cref="IOException">The kernel refuses both.</exception>
    public static bool Write(long process, SandboxOptions options)
    {
        uint user = SandboxNative.GetEffectiveUser();
        uint group = SandboxNative.GetEffectiveGroup();
        if (SandboxHost.IsRoot && (options.Layers & SandboxLayers.Unprivileged) != 0)
        {
            try
            {
                Put($"/proc/{process}/uid_map", Line(options.UserId));
                Put($"/proc/{process}/gid_map", Line(options.GroupId));
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Root of a container that has few users of its own. A map is written once: only what is not there yet follows.
            }
        }

        Put($"/proc/{process}/setgroups", "deny");
        Put($"/proc/{process}/uid_map", Line(user));
        Put($"/proc/{process}/gid_map", Line(group));
        return false;
    }

    private static string Line(uint outside) => $"{SpawnContext.InnerId} {outside} 1\n";

    private static void Put(string path, string text)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, Encoding.ASCII.GetBytes(text), 0);
    }
}
