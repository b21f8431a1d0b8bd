namespace Makatea.EndToEnd;

/// <summary>What a backend serves.</summary>
internal sealed record BackendOptions(string Image)
{
    /// <summary>Virtqueues.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Whether the guest cannot write.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether another backend has the image open as well, as during a migration.</summary>
    public bool Shared { get; init; }

    /// <summary>A command before the backend's own, such as one that limits it.</summary>
    public IReadOnlyList<string> Wrapper { get; init; } = [];
}
