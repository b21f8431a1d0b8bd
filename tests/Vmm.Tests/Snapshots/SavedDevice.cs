using Makatea.Platform;

namespace Makatea.Vmm.Tests.Snapshots;

/// <summary>Takes a device's state and gives it to another.</summary>
internal static class SavedDevice
{
    /// <summary>What a device saves.</summary>
    public static byte[] Bytes(this ISavedState device)
    {
        var writer = new StateWriter();
        device.Save(writer);
        return writer.Written.ToArray();
    }

    /// <summary>Gives a state to a device that is as new; it then has to save the same.</summary>
    public static T With<T>(this T device, byte[] state)
        where T : ISavedState
    {
        device.Taking(state);
        Assert.Equal(state, device.Bytes());
        return device;
    }

    /// <summary>Gives a state to a device that is as new, whatever comes of it.</summary>
    public static T Taking<T>(this T device, byte[] state)
        where T : ISavedState
    {
        var reader = new StateReader("a state", state);
        device.Restore(reader);
        reader.End();
        return device;
    }

    /// <summary>Each word of a state is set to values that are unlikely to be right, and the state is cut everywhere: a device takes it or refuses it by name, whatever it is.</summary>
    /// <returns>How often it was refused.</returns>
    public static int Damage(byte[] state, Action<byte[]> restore)
    {
        int refused = 0;
        for (int word = 0; word < state.Length / 8; word++)
        {
            foreach (ulong value in (ulong[])[0, 1, 0xff, 0x8000, uint.MaxValue, long.MaxValue, 1UL << 63, ulong.MaxValue])
            {
                byte[] damaged = [.. state];
                BitConverter.TryWriteBytes(damaged.AsSpan(word * 8), value);
                refused += Refuses(damaged) ? 1 : 0;
            }

            Assert.True(Refuses(state[..(word * 8)]));
        }

        Assert.False(Refuses(state));
        return refused;

        bool Refuses(byte[] bytes)
        {
            try
            {
                restore(bytes);
                return false;
            }
            catch (InvalidDataException)
            {
                return true;
            }
        }
    }
}
