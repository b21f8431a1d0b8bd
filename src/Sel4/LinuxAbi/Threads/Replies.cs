namespace Makatea.Sel4.LinuxAbi;

/// <summary>Reply objects: one for each thread, that its call waits at, and one for the layer to receive the next with.</summary>
internal static unsafe class Replies
{
    private static uint* s_free;
    private static int s_count;

    internal static bool Start(ComponentInfo* info)
    {
        s_count = 0;
        s_free = (uint*)PageStore.Reserve((info->Threads + 1) * sizeof(uint));
        for (ulong i = 0; i <= info->Threads && s_free != null; i++)
        {
            Give((uint)(info->FirstReply + i));
        }

        return s_free != null;
    }

    /// <summary>Takes one; there are enough.</summary>
    internal static uint Take() => s_free[--s_count];

    internal static void Give(uint reply) => s_free[s_count++] = reply;
}
