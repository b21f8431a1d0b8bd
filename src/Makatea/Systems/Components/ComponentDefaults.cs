namespace Makatea.Systems;

/// <summary>What holds for components where the system file says nothing.</summary>
internal static class ComponentDefaults
{
    /// <summary>Name of the component that writes what the others say, which every image has.</summary>
    public const string Console = "console";

    /// <summary>Threads: the collector's, the thread pool's, and some of one's own.</summary>
    public const int Threads = 24;

    /// <summary>Threads that wait for doorbells.</summary>
    public const int Waiters = 8;

    /// <summary>Priority of a component.</summary>
    public const int Priority = 100;

    /// <summary>Priority of a domain: what others wait for.</summary>
    public const int DomainPriority = 110;

    /// <summary>Priority of the console, which is short and which all wait for.</summary>
    public const int ConsolePriority = 120;

    /// <summary>Microseconds after which threads of one priority take turns: a collector that stops a program's threads waits for each.</summary>
    public const long Period = 1000;

    /// <summary>Memory of a component on the Linux layer: heap, stacks and page tables of a .NET program that is not large.</summary>
    public const ulong Memory = 64 << 20;

    /// <summary>Memory of a component without a layer.</summary>
    public const ulong BareMemory = 1 << 20;

    /// <summary>Memory without which no .NET program starts.</summary>
    public const ulong FewestMemory = 8 << 20;

    /// <summary>Memory that a component and a domain share for a disk.</summary>
    public const ulong DiskMemory = 1 << 20;

    /// <summary>Memory of the machine that a system is made for.</summary>
    public const ulong MachineMemory = 512 << 20;
}
