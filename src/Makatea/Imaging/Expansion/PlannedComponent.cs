using Makatea.Platform;
using Makatea.Sel4;
using Grant = Makatea.Sel4.Image.Manifests.Grant;
using GrantEntry = Makatea.Platform.ManifestGrant;

namespace Makatea.Imaging;

/// <summary>A component while its grants are collected: those that the root task hands out, and those that it is told of in the words of every host.</summary>
internal sealed class PlannedComponent(string name, string kind)
{
    private readonly List<Grant> _grants = [];
    private readonly List<GrantEntry> _entries = [];

    public string Name => name;

    /// <summary>Devices that it serves.</summary>
    public List<ManifestDevice> Devices { get; } = [];

    /// <summary>What it is given.</summary>
    public IReadOnlyList<Grant> Grants => _grants;

    /// <summary>Name in the archive of the manifest that it reads.</summary>
    public string ManifestFile => $"{name}.json";

    /// <summary>Gives it something that it finds by itself.</summary>
    public void Give(Grant grant) => _grants.Add(grant);

    /// <summary>Gives it something that its manifest lists.</summary>
    public void Give(Grant grant, GrantType type, MemoryAccess access = MemoryAccess.ReadWrite)
    {
        _grants.Add(grant);
        _entries.Add(new GrantEntry(grant.Name, type, (int)grant.Number, access));
    }

    /// <summary>Gives it a region.</summary>
    public void GiveRegion(ulong number, string region, GrantRights rights, ulong connection, GrantType type = GrantType.Region) =>
        Give(
            new Grant(GrantKind.Region, number, region) { Rights = rights, Connection = connection },
            type,
            rights.HasFlag(GrantRights.Write) ? MemoryAccess.ReadWrite : MemoryAccess.Read);

    /// <summary>Gives it an end of a doorbell.</summary>
    public void GiveDoorbell(GrantKind end, ulong number, string doorbell, ulong connection) =>
        Give(new Grant(end, number, doorbell) { Connection = connection }, GrantType.Doorbell);

    /// <summary>The manifest that it reads.</summary>
    public byte[] Describe() => new ComponentManifest { Name = name, Kind = kind, Grants = _entries, Devices = Devices }.ToJson();
}
