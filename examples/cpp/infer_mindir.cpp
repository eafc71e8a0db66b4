// The middle one of the zoo's three steps, for a card: a MINDIR file answers raw inputs, with MindSpore Lite.
//   unet_nb preprocess -f unet_medical_config.yaml -p data_path data/isbi
//   infer_mindir unet.mindir preprocess_Result result_Files [Ascend|CPU] [DEVICE_ID]
//   unet_nb postprocess -f unet_medical_config.yaml -p data_path data/isbi
// Each input *.bin is float32 (1, C, height, width); its answer goes to <name>_0.bin, the mean time to time_Result/.
// NOT TRIED on a card, nor with MindSpore Lite itself: tests/test_steps.py compiles it against a stub of the API.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "include/api/context.h"
#include "include/api/model.h"

namespace fs = std::filesystem;
using Error = std::runtime_error;

std::vector<char> read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error(path.string() + ": cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const void* data, std::size_t size) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    if (!file.flush()) throw Error(path.string() + ": cannot be written");
}

std::vector<fs::path> inputs_in(const fs::path& folder) {
    if (!fs::is_directory(folder)) throw Error(folder.string() + ": there is no such folder");
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".bin") found.push_back(entry.path());
    if (found.empty()) throw Error(folder.string() + ": there are no inputs (*.bin); `unet_nb preprocess` writes them");
    std::sort(found.begin(), found.end());
    return found;
}

mindspore::Model load_model(const std::string& path, const std::string& device, std::uint32_t card) {
    if (!fs::is_regular_file(path)) throw Error("model not found: " + path);
    auto context = std::make_shared<mindspore::Context>();
    if (device == "Ascend") {
        auto ascend = std::make_shared<mindspore::AscendDeviceInfo>();
        ascend->SetDeviceID(card);
        ascend->SetPrecisionMode("enforce_fp32");  // the default computes in 16 bits
        context->MutableDeviceInfo().push_back(ascend);
    } else if (device == "CPU") {
        context->MutableDeviceInfo().push_back(std::make_shared<mindspore::CPUDeviceInfo>());
    } else {
        throw Error("the device must be Ascend or CPU, not " + device);
    }
    mindspore::Model model;
    if (model.Build(path, mindspore::kMindIR, context) != mindspore::kSuccess)
        throw Error(path + ": MindSpore Lite cannot load it for " + device);
    return model;
}

// A file with a batch of N reads the same image N times; the first answer counts.
std::vector<char> answer(mindspore::Model& model, const fs::path& file) {
    const std::vector<char> image = read_file(file);
    std::vector<mindspore::MSTensor> inputs = model.GetInputs(), outputs;
    if (inputs.size() != 1 || image.empty() || inputs[0].DataSize() % image.size() != 0)
        throw Error(file.string() + ": has " + std::to_string(image.size()) + " bytes, which do not fit the model's input");
    const std::size_t batch = inputs[0].DataSize() / image.size();
    char* target = static_cast<char*>(inputs[0].MutableData());
    for (std::size_t i = 0; i < batch; ++i) std::memcpy(target + i * image.size(), image.data(), image.size());
    if (model.Predict(inputs, &outputs) != mindspore::kSuccess || outputs.size() != 1)
        throw Error(file.string() + ": the model gives no answer");
    const char* data = static_cast<const char*>(outputs[0].Data().get());
    return {data, data + outputs[0].DataSize() / batch};
}

void run(const std::vector<std::string>& args) {
    const std::string device = args.size() > 3 ? args[3] : "Ascend";
    const auto card = static_cast<std::uint32_t>(args.size() > 4 ? std::strtoul(args[4].c_str(), nullptr, 10) : 0);
    const fs::path results = args[2], times = fs::absolute(results).lexically_normal().parent_path() / "time_Result";
    const std::vector<fs::path> files = inputs_in(args[1]);
    mindspore::Model model = load_model(args[0], device, card);
    fs::create_directories(results);
    fs::create_directories(times);
    double milliseconds = 0;
    for (const fs::path& file : files) {
        const auto start = std::chrono::steady_clock::now();
        const std::vector<char> output = answer(model, file);
        milliseconds += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        write_file(results / (file.stem().string() + "_0.bin"), output.data(), output.size());
    }
    std::ostringstream line;
    line << "NN inference cost average time: " << milliseconds / static_cast<double>(files.size())
         << " ms of infer_count " << files.size() << "\n";
    write_file(times / "test_perform_static.txt", line.str().data(), line.str().size());
    std::cout << line.str();
}

int main(int argc, char** argv) {
    const std::vector<std::string> args(argv + 1, argv + argc);
    if (args.size() < 3 || args.size() > 5) {
        std::cerr << "usage: infer_mindir MODEL.mindir INPUTS OUTPUTS [Ascend|CPU] [DEVICE_ID]\n";
        return 2;
    }
    try {
        run(args);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
