namespace Makatea.EndToEnd;

[Trait("Category", "Guest")]
public sealed class FileSystemTests
{
    [SkippableFact]
    public void The_bed_works_with_QEMUs_own_backend()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", 128 << 20);
        using BlockBackend backend = new StorageDaemonBackend(scratch, "disk", new BackendOptions(image)).Start();
        FileSystemCheck.Run(scratch, new GuestDisk(backend));
    }
}
