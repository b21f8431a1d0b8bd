namespace Makatea.Platform.Linux;

/// <summary>
/// Who else may use the file of a <see cref="FileBlockDevice"/>. The locks are the ones that QEMU takes, on the same bytes, so that its programs
/// and ours keep away from each other's images.
/// </summary>
/// <remarks>
/// They are locks of the open file description (F_OFD_SETLK): the device gives them back when it is disposed, and the kernel when the last descriptor of it is
/// closed. So:
/// <list type="bullet">
/// <item>Of two domains that were granted copies of one descriptor, neither keeps the other away. Open the file once for each device.</item>
/// <item>A manager that keeps its copy keeps the lock when the domain dies, and the domain that it starts again with a copy of the same descriptor has
/// the lock. One that opens the file again for that has to close the old descriptor first.</item>
/// </list>
/// </remarks>
public enum FileLocking
{
    /// <summary>Nobody else writes; others may read if we do not write.</summary>
    Exclusive,

    /// <summary>Others that share may read and write. Something else keeps the contents in order, such as a cluster file system.</summary>
    Shared,

    /// <summary>No lock is taken or looked at.</summary>
    None,
}
