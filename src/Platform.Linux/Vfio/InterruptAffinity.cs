using System.Globalization;

namespace Makatea.Platform.Linux;

/// <summary>
/// The processors on which interrupts of a function are raised that was handed out through VFIO. The kernel puts each where it likes; one on another processor than the thread that
/// waits for it costs a wake-up across. Who does this is the administrator (root), not who has the function.
/// </summary>
public sealed class InterruptAffinity
{
    private readonly string _root;
    private readonly string _proc;
    private readonly PciAddress _address;
    private readonly Dictionary<int, string> _folders = [];

    /// <summary>Of a function.</summary>
    public InterruptAffinity(PciAddress address)
        : this(SysfsPci.Root, "/proc", address)
    {
    }

    /// <summary>As <see cref="InterruptAffinity(PciAddress)"/>, with sysfs and proc elsewhere.</summary>
    internal InterruptAffinity(string root, string proc, PciAddress address)
    {
        _root = root;
        _proc = proc;
        _address = address;
    }

    /// <summary>Has a vector raised on a processor.</summary>
    /// <param name="vector">Index of the vector.</param>
    /// <param name="processor">Number of the processor.</param>
    /// <returns>False where nobody uses the vector.</returns>
    /// <exception cref="IOException">The kernel refuses; the vector stays where it is.</exception>
    public bool Move(int vector, int processor)
    {
        if (Find(vector) is not { } folder)
        {
            return false;
        }

        string file = Path.Combine(folder, "smp_affinity_list");
        string wanted = processor.ToString(CultureInfo.InvariantCulture);
        try
        {
            // Somebody else may have moved it since (irqbalance).
            if (SysfsPci.Read(file) != wanted)
            {
                File.WriteAllText(file, wanted);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot have vector {vector} of {_address} raised on processor {wanted}: {file}: {e.Message}", e);
        }
    }

    /// <summary>The folder of a vector's interrupt. Numbers are given out anew when vectors are, so it is told by the name that VFIO gives the handler.</summary>
    private string? Find(int vector)
    {
        if (_folders.TryGetValue(vector, out string? folder) && IsOf(folder, vector))
        {
            return folder;
        }

        string numbers = Path.Combine(SysfsPci.Folder(_root, _address), "msi_irqs");
        folder = !Directory.Exists(numbers) ? null
            : Directory.EnumerateFiles(numbers).Select(n => Path.Combine(_proc, "irq", Path.GetFileName(n))).FirstOrDefault(f => IsOf(f, vector));
        if (folder is not null)
        {
            _folders[vector] = folder;
        }

        return folder;
    }

    private bool IsOf(string folder, int vector) =>
        Directory.Exists(Path.Combine(folder, $"vfio-msix[{vector}]({_address})")) || Directory.Exists(Path.Combine(folder, $"vfio-msi[{vector}]({_address})"));
}
