namespace Makatea.Running;

/// <summary>Something that the user wants to hear of.</summary>
/// <param name="At">When.</param>
/// <param name="Part">Whom it is about, such as <c>domain storage</c>; empty for the whole.</param>
/// <param name="Text">What.</param>
internal readonly record struct RunEvent(DateTimeOffset At, string Part, string Text);

/// <summary>What happens to a running system, as it happens.</summary>
internal sealed class RunEvents
{
    /// <summary>Raised for each event, on any thread.</summary>
    public event Action<RunEvent>? Added;

    /// <summary>Tells of an event.</summary>
    public void Add(string part, string text) => Added?.Invoke(new RunEvent(DateTimeOffset.Now, part, text));
}
