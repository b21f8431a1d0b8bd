using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>Gives functions back and says so.</summary>
internal static class BindingNotices
{
    /// <summary>Gives a function back to the driver that it was taken from.</summary>
    public static void GiveBack(this VfioBinding binding, Action<string> notice)
    {
        try
        {
            binding.Dispose();
            if (binding.IsGone)
            {
                notice($"{binding.Address} was unplugged");
            }
            else if (!binding.WasBound)
            {
                notice($"gave {binding.Address} back{(binding.PreviousDriver is { } driver ? $" to {driver}" : "; it has no driver, as before")}");
            }
        }
        catch (IOException e)
        {
            notice($"{binding.Address} was not given back: {e.Message}; try 'makatea devices --give-back {binding.Address}'");
        }
    }
}
