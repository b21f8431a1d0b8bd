namespace Makatea.Drivers.Nvme.Tests.Parts;

public sealed class NamespaceIdentifierTests
{
    private const string Uuid = "00112233-4455-6677-8899-aabbccddeeff";

    [Fact]
    public void The_UUID_is_found_behind_other_descriptors() => Assert.Equal(Uuid, NamespaceIdentifier.FindUuid([.. Descriptor(1, 8), .. Descriptor(4, 1), .. Descriptor(3, 16), 0, 0, 0, 0]));

    [Fact]
    public void Lists_that_run_over_their_end_have_none()
    {
        byte[] list = Descriptor(3, 16);
        for (int length = 0; length < list.Length; length++)
        {
            Assert.Equal("", NamespaceIdentifier.FindUuid(list.AsSpan(0, length)));
        }

        Assert.Equal("", NamespaceIdentifier.FindUuid([3, 255, 0, 0, .. new byte[4092]]));
        Assert.Equal("", NamespaceIdentifier.FindUuid(new byte[4096]));
        Assert.Equal("", NamespaceIdentifier.FindUuid([3, 16, 0, 0, .. new byte[16]]));
    }

    private static byte[] Descriptor(byte type, byte length) => [type, length, 0, 0, .. Enumerable.Range(0, length).Select(i => (byte)(i * 0x11))];
}
