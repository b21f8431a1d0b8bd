using System.Text;

namespace Makatea.Platform.Linux;

/// <summary>Names of network interfaces.</summary>
public static class InterfaceName
{
    /// <summary>Whether the kernel takes a name: 1 to 15 bytes, no white space, no '/', ':' or '%', not '.' or '..'.</summary>
    public static bool IsPossible(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name is not ("" or "." or "..") && Encoding.UTF8.GetByteCount(name) < Libc.IFNAMSIZ && !name.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c is '/' or ':' or '%');
    }

    /// <summary>Refuses what is no name.</summary>
    internal static void Check(string name)
    {
        if (!IsPossible(name))
        {
            throw new IOException($"'{name}' is no name of a network interface, which has 1 to 15 letters, digits and signs without '/', ':' and '%'");
        }
    }
}
