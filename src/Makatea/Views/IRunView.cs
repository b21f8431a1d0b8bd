using Makatea.Running;

namespace Makatea.Views;

/// <summary>Shows the user a system that runs.</summary>
internal interface IRunView
{
    /// <summary>Shows it until <paramref name="run"/> completes.</summary>
    Task ShowAsync(Func<SystemStatus> status, RunEvents events, Task run);
}
