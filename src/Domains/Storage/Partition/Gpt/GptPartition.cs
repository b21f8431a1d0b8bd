namespace Makatea.Domains.Storage;

/// <summary>One partition of a GPT ([UEFI-2.10] 5.3.3).</summary>
/// <param name="Number">Its place in the table, from 1, by which Linux names it.</param>
/// <param name="Name">Its name, at most 36 UTF-16 units; anything that the disk's owner wrote.</param>
/// <param name="Id">Its own GUID.</param>
/// <param name="Type">GUID of its type.</param>
/// <param name="FirstSector">First sector of 512 bytes.</param>
/// <param name="SectorCount">Number of sectors of 512 bytes.</param>
public sealed record GptPartition(int Number, string Name, Guid Id, Guid Type, ulong FirstSector, ulong SectorCount);
