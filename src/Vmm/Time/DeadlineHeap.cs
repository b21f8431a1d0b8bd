namespace Makatea.Vmm;

/// <summary>Timers ordered by deadline: a binary heap in an array, each timer knowing its place. Grows with the number of timers that there are, which devices make at their construction.</summary>
internal sealed class DeadlineHeap
{
    private DeadlineTimer[] _timers = new DeadlineTimer[16];

    public int Count { get; private set; }

    /// <summary>The one due first, or null.</summary>
    public DeadlineTimer? First => Count != 0 ? _timers[0] : null;

    /// <summary>Puts a timer where its deadline belongs, whether it is in the heap or not.</summary>
    public void Set(DeadlineTimer timer, long due)
    {
        timer.Due = due;
        if (timer.Place < 0)
        {
            if (Count == _timers.Length)
            {
                Array.Resize(ref _timers, Count * 2);
            }

            Put(timer, Count++);
        }

        Up(timer);
        Down(timer);
    }

    /// <summary>Takes a timer out; one that is not in is left as it is.</summary>
    public void Remove(DeadlineTimer timer)
    {
        int place = timer.Place;
        if (place < 0)
        {
            return;
        }

        DeadlineTimer last = _timers[--Count];
        _timers[Count] = null!;
        timer.Place = -1;
        if (last != timer)
        {
            Put(last, place);
            Up(last);
            Down(last);
        }
    }

    private void Up(DeadlineTimer timer)
    {
        int place = timer.Place;
        while (place != 0 && _timers[(place - 1) / 2] is var parent && parent.Due > timer.Due)
        {
            int above = parent.Place;
            Put(parent, place);
            place = above;
        }

        Put(timer, place);
    }

    private void Down(DeadlineTimer timer)
    {
        int place = timer.Place;
        while ((2 * place) + 1 is var child && child < Count)
        {
            if (child + 1 < Count && _timers[child + 1].Due < _timers[child].Due)
            {
                child++;
            }

            if (_timers[child].Due >= timer.Due)
            {
                break;
            }

            Put(_timers[child], place);
            place = child;
        }

        Put(timer, place);
    }

    private void Put(DeadlineTimer timer, int place)
    {
        _timers[place] = timer;
        timer.Place = place;
    }
}
