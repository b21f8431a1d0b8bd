using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Sel4;

/// <summary>
/// The component's lines on the console, which says itself whose they are. <see cref="Console"/> writes there as well, and brings what it needs of terminals, keyboards and users into an image.
/// </summary>
public static class ComponentConsole
{
    private static readonly FileStream _output = new(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

    /// <summary>Writes a line. From any thread; lines of several do not mix.</summary>
    /// <exception cref="IOException">There is no console.</exception>
    public static void WriteLine(string line)
    {
        byte[] text = Encoding.UTF8.GetBytes($"{line}\n");
        lock (_output)
        {
            _output.Write(text);
        }
    }
}
