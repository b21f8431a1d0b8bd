using System.Text.Json;
using Makatea.Domains.Manager;
using Makatea.Domains.Storage;
using Makatea.Running;
using Makatea.Views;

namespace Makatea.Tests.Views;

public class StatusTableTests
{
    [Theory]
    [InlineData(0, "NVMe controller (QEMU NVMe Ctrl), behind dmar0, through iommufd")]
    [InlineData(1, "NVMe controller (QEMU NVMe Ctrl), behind dmar0, through iommufd, 1 reset")]
    public void Controllers_are_shown(int resets, string expected)
    {
        SystemStatus status = StatusWith(ControllerStatus.Of("0000:01:00.0", "behind dmar0, through iommufd", [Sample("0000:02:00.0", 9), Sample("0000:01:00.0", resets)]));
        string table = Render(status);
        Assert.Contains("0000:01:00.0", table, StringComparison.Ordinal);
        Assert.Contains(expected + " ", table, StringComparison.Ordinal);

        JsonElement controller = JsonDocument.Parse(JsonSerializer.Serialize(status, StatusJson.Default.SystemStatus)).RootElement.GetProperty("domains")[0].GetProperty("controllers")[0];
        Assert.Equal(("0000:01:00.0", "QEMU NVMe Ctrl", resets), (controller.GetProperty("name").GetString(), controller.GetProperty("model").GetString(), controller.GetProperty("resets").GetInt32()));
    }

    [Fact]
    public void One_that_said_nothing_yet_is_shown_with_what_keeps_it() =>
        Assert.Contains("NVMe controller, a device model behind VT-d ", Render(StatusWith(ControllerStatus.Of("nvme", "a device model behind VT-d", []))), StringComparison.Ordinal);

    private static MetricSample Sample(string controller, int resets) => new(
        "Makatea.Domains.Storage", ControllerMetrics.Resets, "{reset}",
        new Dictionary<string, string> { [ControllerMetrics.Controller] = controller, [ControllerMetrics.Model] = "QEMU NVMe Ctrl" }, resets);

    private static SystemStatus StatusWith(ControllerStatus controller) => new(
        "demo", "/demo.yaml", 1, DateTimeOffset.UnixEpoch, "tcg",
        [new DomainStatus("storage", "storage", PartState.Running, null, 7, 0, "/log", [], [], [], []) { Controllers = [controller] }], []);

    private static string Render(SystemStatus status)
    {
        using var output = new StringWriter();
        StatusTable.ConsoleFor(output).Write(StatusTable.Render(status, rates: null));
        return output.ToString();
    }
}
