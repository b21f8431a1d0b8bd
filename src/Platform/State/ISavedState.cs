namespace Makatea.Platform;

/// <summary>What has a state that a snapshot keeps. While it is saved or restored nothing else uses it.</summary>
public interface ISavedState
{
    /// <summary>Writes the state.</summary>
    void Save(StateWriter writer);

    /// <summary>Takes a state over that <see cref="Save"/> wrote, in one that is as new.</summary>
    /// <exception cref="InvalidDataException">It wrote nothing of the kind, or this cannot have such a state. Whatever was restored before is not to be used.</exception>
    void Restore(StateReader reader);
}
