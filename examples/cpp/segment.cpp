// Segment an image with an .onnx file that unet_nb has exported. Needs OpenCV and nothing else.
// It follows unet_nb/onnx_infer.py step by step; the answers are meant to be the same.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

using Error = std::runtime_error;

// ---- ONNX files are protobuf messages ----
// A message is a row of fields: a key (number and kind), then a value. Only two things are wanted from the file,
// the description and the size of the input, so the few rules of the format stand here instead of a library.

struct Field {
    std::uint64_t number, kind;
    std::string_view value, whole;  // without and with the key
};

std::uint64_t read_varint(std::string_view data, std::size_t& at) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && at < data.size(); shift += 7) {
        const auto byte = static_cast<std::uint8_t>(data[at++]);
        value |= static_cast<std::uint64_t>(byte & 127) << shift;
        if (byte < 128) return value;
    }
    throw Error("a number in it has no end");
}

std::string varint(std::uint64_t value) {
    std::string text;
    for (; value > 127; value >>= 7) text += static_cast<char>((value & 127) | 128);
    return text + static_cast<char>(value);
}

std::vector<Field> fields(std::string_view data) {
    std::vector<Field> found;
    for (std::size_t at = 0; at < data.size();) {
        const std::size_t start = at;
        const std::uint64_t key = read_varint(data, at), kind = key & 7;
        std::size_t begin = at, size = 0;
        if (kind == 0) read_varint(data, at), size = at - begin;
        else if (kind == 1) size = 8;
        else if (kind == 5) size = 4;
        else if (kind == 2) size = read_varint(data, at), begin = at;
        else throw Error("a field in it is of an unknown kind");
        if (size > data.size() - begin) throw Error("it ends too early");
        at = begin + size;
        found.push_back({key >> 3, kind, data.substr(begin, size), data.substr(start, at - start)});
    }
    return found;
}

using Path = std::vector<std::uint64_t>;  // field numbers from the outermost message to an inner one

std::vector<std::string_view> at_path(std::string_view data, const Path& path) {
    std::vector<std::string_view> outer{data};
    for (std::uint64_t number : path) {
        std::vector<std::string_view> inner;
        for (std::string_view part : outer)
            for (const Field& field : fields(part))
                if (field.number == number && field.kind == 2) inner.push_back(field.value);
        outer = inner;
    }
    return outer;
}

std::string message(std::uint64_t number, const std::string& value) { return varint(number << 3 | 2) + varint(value.size()) + value; }

// The same message with `value` for what is at `path`.
std::string replaced(std::string_view data, const Path& path, const std::string& value, std::size_t depth = 0) {
    std::string result;
    for (const Field& field : fields(data)) {
        if (field.number != path[depth] || field.kind != 2) result += field.whole;
        else result += message(field.number, depth + 1 == path.size() ? value : replaced(field.value, path, value, depth + 1));
    }
    return result;
}

// Field numbers of onnx.proto.
const Path GRAPH{7}, INPUT_SHAPE{7, 11, 2, 1, 2}, METADATA{14};
constexpr std::uint64_t DIMENSION = 1, DIMENSION_VALUE = 1, ENTRY_KEY = 1, ENTRY_VALUE = 2;

// ---- What the file says about itself ----

struct Size {
    int height = 0, width = 0;
    bool operator<(const Size& other) const { return std::pair(height, width) < std::pair(other.height, other.width); }
};

struct Description {
    int channels = 0;
    bool bgr = false, argmax = false, native = false;
    int divisor = 1, remainder = 0, margin = 0, overlap = 0;  // native size
    Size tile;
    Size image_size, crop;  // policy resize; a crop of 0 x 0 means none
    std::string dtype;  // of the training images, where the description says it
    std::vector<std::string> classes;
};

// cv::FileStorage refuses null, NaN and \uXXXX, which JSON text from Python may hold. The first two become an empty string
// ("nothing" to what follows), the third, which stands in names, becomes UTF-8.
std::string for_file_storage(const std::string& json) {
    std::string result;
    bool quoted = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (quoted && json.compare(i, 2, "\\u") == 0) {
            const int code = std::stoi(json.substr(i + 2, 4), nullptr, 16);
            const auto bits = [&](int first, int shift) { return static_cast<char>(first | (code >> shift & (first == 0x80 ? 63 : 31))); };
            if (code < 0x80 || (code >= 0xD800 && code < 0xE000)) result += '?';  // control characters, halves of a pair
            else if (code < 0x800) result += {bits(0xC0, 6), bits(0x80, 0)};
            else result += {bits(0xE0, 12), bits(0x80, 6), bits(0x80, 0)};
            i += 5;
        } else if (quoted && json[i] == '\\') {
            result += json.substr(i++, 2);
        } else if (!quoted && (json.compare(i, 4, "null") == 0 || json.compare(i, 3, "NaN") == 0)) {
            result += "\"\"";
            i += json[i] == 'n' ? 3 : 2;
        } else {
            if (json[i] == '"') quoted = !quoted;
            result += json[i];
        }
    }
    return result;
}

cv::FileNode part(const cv::FileNode& node, const std::string& key) {
    if (node.isMap() && !node[key].empty()) return node[key];
    throw Error("its description lacks '" + key + "'; export the checkpoint again");
}

Size read_size(const cv::FileNode& node) { return node.isSeq() && node.size() == 2 ? Size{int(node[0]), int(node[1])} : Size{}; }

Description read_description(const std::string& json) {
    cv::FileStorage file;
    try { file.open(for_file_storage(json), cv::FileStorage::READ | cv::FileStorage::MEMORY | cv::FileStorage::FORMAT_JSON); }
    catch (const std::exception&) { throw Error("its description (metadata 'unet_nb') is damaged: not JSON that OpenCV can read"); }
    const cv::FileNode root = file.root();
    if (int(part(root, "schema")) == 2)
        throw Error("its images are scaled by limits of their values (schema 2), which this program does not do; `python -m unet_nb.onnx_infer` does");
    if (int(part(root, "schema")) != 1) throw Error("its description has the schema " + std::to_string(int(root["schema"])) + ", this program reads 1");

    Description d;
    d.channels = int(part(part(root, "input"), "channels"));
    d.bgr = std::string(part(part(root, "input"), "channel_order")) == "BGR";
    d.argmax = std::string(part(part(root, "output"), "activation")) == "Argmax";
    if (const cv::FileNode scaling = part(root, "input")["scaling"]; scaling.isMap()) d.dtype = std::string(scaling["dtype"]);
    for (const cv::FileNode& c : part(root, "classes")) d.classes.push_back(std::string(part(c, "name")));
    const cv::FileNode size = part(root, "size");
    d.native = std::string(part(size, "policy")) == "native";
    if (d.native) {
        d.divisor = int(part(size, "divisor")), d.remainder = int(part(size, "remainder"));
        d.margin = int(part(size, "margin")), d.overlap = int(part(size, "overlap")), d.tile = read_size(part(size, "tile"));
    } else {
        d.image_size = read_size(part(size, "image_size")), d.crop = read_size(size["crop"]);
    }
    const Size wanted = d.native ? d.tile : d.image_size;
    if (d.channels < 1 || d.classes.empty() || d.divisor < 1 || d.margin < 0 || d.overlap < 0 || wanted.height < 1 || wanted.width < 1)
        throw Error("its description holds impossible numbers; export the checkpoint again");
    return d;
}

// ---- The network ----

class Model {
public:
    Description described;

    explicit Model(const std::string& path) {
        std::ifstream stream(path, std::ios::binary);
        if (!std::filesystem::is_regular_file(path) || !stream) throw Error("model not found: " + path);
        bytes_.assign(std::istreambuf_iterator<char>(stream), {});
        try {
            if (at_path(bytes_, GRAPH).size() != 1) throw Error("no network in it");
            at_path(bytes_, INPUT_SHAPE);
        } catch (const Error& e) {
            throw Error(path + ": not a readable ONNX model, it may be damaged, cut off or something else (" + e.what() + ")");
        }
        try {
            described = read_description(metadata());
            check_input();
        } catch (const Error& e) { throw Error(path + ": " + e.what()); }
    }

    // (H, W, C) float32 in [-1, 1] -> probabilities (H', W', K).
    cv::Mat forward(const cv::Mat& image) {
        cv::dnn::Net& net = net_for({image.rows, image.cols});
        net.setInput(cv::dnn::blobFromImage(image));
        cv::Mat output = net.forward();
        const int classes = static_cast<int>(described.classes.size());
        if (output.dims != (described.argmax ? 3 : 4) || (!described.argmax && output.size[3] != classes))
            throw Error("the network does not answer for " + std::to_string(classes) + " classes, as its description says");
        output.convertTo(output, CV_32F);
        if (!described.argmax) return cv::Mat(output.size[1], output.size[2], CV_32FC(classes), output.ptr<float>()).clone();
        const cv::Mat ids(output.size[1], output.size[2], CV_32F, output.ptr<float>());
        std::vector<cv::Mat> planes(classes);
        for (int k = 0; k < classes; ++k) cv::Mat(ids == k).convertTo(planes[k], CV_32F, 1 / 255.0);
        cv::Mat p;
        cv::merge(planes, p);
        return p;
    }

private:
    std::string bytes_;
    std::map<Size, cv::dnn::Net> nets_;

    std::string metadata() const {
        for (std::string_view entry : at_path(bytes_, METADATA)) {
            const auto key = at_path(entry, {ENTRY_KEY}), value = at_path(entry, {ENTRY_VALUE});
            if (!key.empty() && key[0] == "unet_nb" && !value.empty()) return std::string(value[0]);
        }
        throw Error("the file does not say how images are prepared for it (no metadata 'unet_nb'); it was not written by `unet_nb run export`, "
                    "or other software has dropped its metadata. Export the checkpoint again");
    }

    void check_input() const {
        const auto shapes = at_path(bytes_, INPUT_SHAPE);
        if (shapes.size() == 1)
            if (const auto sides = at_path(shapes[0], {DIMENSION}); sides.size() == 4)
                for (const Field& field : fields(sides[1])) {
                    std::size_t at = 0;
                    if (field.number == DIMENSION_VALUE && field.kind == 0 && read_varint(field.value, at) == std::uint64_t(described.channels)) return;
                }
        throw Error("the model must read one tensor (N, " + std::to_string(described.channels) + ", H, W), as its description says, and reads something else");
    }

    // cv::dnn computes the shapes of SpaceToDepth, DepthToSpace and Slice while it reads the file, and fails where height and
    // width are free. So each size gets a network of its own, from a copy of the file in which the input has that size.
    cv::dnn::Net& net_for(Size size) {
        if (const auto found = nets_.find(size); found != nets_.end()) return found->second;
        std::string shape;
        for (int n : {1, described.channels, size.height, size.width}) shape += message(DIMENSION, varint(DIMENSION_VALUE << 3) + varint(n));
        const std::string fixed = replaced(bytes_, INPUT_SHAPE, shape);
        try { return nets_[size] = cv::dnn::readNetFromONNX(fixed.data(), fixed.size()); }
        catch (const cv::Exception& e) { throw Error("OpenCV " + cv::getVersionString() + " cannot run this network: " + e.err); }
    }
};

// ---- The image ----

cv::Mat read_image(const std::string& path, const std::string& dtype) {
    if (!std::filesystem::is_regular_file(path)) throw Error("image not found: " + path);
    cv::Mat image;
    try { image = cv::imread(path, cv::IMREAD_UNCHANGED); } catch (const cv::Exception&) {}  // some damage is thrown, some leaves it empty
    if (image.empty()) throw Error(path + ": not a readable image");
    if (const std::size_t pages = cv::imcount(path); pages > 1)
        throw Error(path + ": has " + std::to_string(pages) + " pages, this example takes one; `python -m unet_nb.onnx_infer` takes stacks");
    if (image.depth() != CV_8U && image.depth() != CV_16U) throw Error(path + ": only images of 8 or 16 bits without sign have a known range of values");
    if (!dtype.empty() && dtype != (image.depth() == CV_8U ? "uint8" : "uint16"))
        throw Error(path + ": the network was trained on " + dtype + ", whose values do not mean those of this image; save it as " + dtype);
    return image;
}

// Colours in the order that the network was trained on, values in [-1, 1], as many channels as it reads.
cv::Mat prepare(cv::Mat image, const Description& d) {
    if (!d.bgr && image.channels() == 3) cv::cvtColor(image, image, cv::COLOR_BGR2RGB);  // OpenCV reads BGR
    if (!d.bgr && image.channels() == 4) cv::cvtColor(image, image, cv::COLOR_BGRA2RGBA);
    image.convertTo(image, CV_32F, image.depth() == CV_8U ? 1 / 127.5 : 1 / 32767.5, -1);
    const int have = image.channels();
    if (have == d.channels) return image;
    cv::Mat result;
    if (have == 1) cv::merge(std::vector<cv::Mat>(d.channels, image), result);
    else if (have == 4 && d.channels == 3) cv::cvtColor(image, result, cv::COLOR_RGBA2RGB);
    else if (have >= 3 && d.channels == 1) cv::cvtColor(image, result, have == 3 ? cv::COLOR_RGB2GRAY : cv::COLOR_RGBA2GRAY);
    else throw Error("an image with " + std::to_string(have) + " channels cannot be turned into one with " + std::to_string(d.channels));
    return result;
}

cv::Mat resized(const cv::Mat& image, Size size) {
    if (image.rows == size.height && image.cols == size.width) return image;
    cv::Mat result;
    cv::resize(image, result, {size.width, size.height}, 0, 0, cv::INTER_LINEAR);
    return result;
}

// ---- Native size: mirrored border, tiles where the image is large ----

int modulo(int a, int b) { return ((a % b) + b) % b; }

struct Span { int begin, end, first, last; };  // what the network reads, what is kept of its answer

std::vector<Span> spans(int length, const Description& d, int tile) {
    const int out = length - 2 * d.margin;
    if (out <= tile) return {{0, length, 0, out}};
    const int keep = std::max(d.divisor, (tile - 2 * d.overlap) / d.divisor * d.divisor);
    std::vector<Span> found;
    for (int first = 0; first < out; first += keep) {
        const int last = std::min(first + keep, out), begin = std::max(0, first - d.overlap), end = last + d.overlap + 2 * d.margin;
        found.push_back({begin, std::min(length, end + modulo(d.remainder - (end - begin), d.divisor)), first, last});
    }
    return found;
}

cv::Mat predict_native(Model& model, const cv::Mat& image) {
    const Description& d = model.described;
    const auto rest = [&](int n) { return modulo(d.remainder - n - 2 * d.margin, d.divisor); };
    cv::Mat x;
    cv::copyMakeBorder(image, x, d.margin, d.margin + rest(image.rows), d.margin, d.margin + rest(image.cols), cv::BORDER_REFLECT);
    cv::Mat result(x.rows - 2 * d.margin, x.cols - 2 * d.margin, CV_32FC(static_cast<int>(d.classes.size())));
    for (const Span& row : spans(x.rows, d, d.tile.height))
        for (const Span& column : spans(x.cols, d, d.tile.width)) {
            const cv::Mat p = model.forward(x({row.begin, row.end}, {column.begin, column.end}));
            const cv::Range rows(row.first - row.begin, row.last - row.begin), columns(column.first - column.begin, column.last - column.begin);
            if (rows.end > p.rows || columns.end > p.cols) throw Error("the network's answer is smaller than its description says");
            p(rows, columns).copyTo(result({row.first, row.last}, {column.first, column.last}));
        }
    return result({0, image.rows}, {0, image.cols}).clone();
}

// ---- The model zoo's way: the whole image resized, zeros around it ----

cv::Mat predict_resized(Model& model, const cv::Mat& image) {
    const Description& d = model.described;
    const cv::Mat x = resized(image, d.crop.height ? d.crop : d.image_size);
    const int tall = d.image_size.height - x.rows, wide = d.image_size.width - x.cols;
    if (tall < 0 || wide < 0) throw Error("the description's crop is larger than its image_size");
    cv::Mat padded;
    cv::copyMakeBorder(x, padded, tall / 2, tall - tall / 2, wide / 2, wide - wide / 2, cv::BORDER_CONSTANT, cv::Scalar::all(0));
    return resized(model.forward(padded), {image.rows, image.cols});
}

// The most likely class of each pixel; the first of equals.
cv::Mat mask_of(const cv::Mat& p) {
    const int classes = p.channels();
    cv::Mat mask(p.rows, p.cols, CV_8U);
    for (int y = 0; y < p.rows; ++y)
        for (int x = 0; x < p.cols; ++x) {
            const float* values = p.ptr<float>(y) + static_cast<std::ptrdiff_t>(x) * classes;
            mask.at<std::uint8_t>(y, x) = static_cast<std::uint8_t>(std::max_element(values, values + classes) - values);
        }
    return mask;
}

void segment(const std::string& model_path, const std::string& image_path, const std::string& mask_path, const std::string& probabilities_path) {
    if (std::filesystem::path(mask_path).extension() != ".png") throw Error(mask_path + ": the mask is written as .png");
    Model model(model_path);
    const cv::Mat image = prepare(read_image(image_path, model.described.dtype), model.described);
    const cv::Mat p = model.described.native ? predict_native(model, image) : predict_resized(model, image);
    const cv::Mat mask = mask_of(p);
    if (!cv::imwrite(mask_path, mask)) throw Error("cannot write " + mask_path);
    if (!probabilities_path.empty()) {
        std::ofstream file(probabilities_path, std::ios::binary);
        file.write(reinterpret_cast<const char*>(p.data), static_cast<std::streamsize>(p.total() * p.elemSize()));
        if (!file.flush()) throw Error("cannot write " + probabilities_path);
    }
    std::cout << mask_path << ": " << mask.rows << " x " << mask.cols << " pixels" << std::fixed << std::setprecision(1);
    for (std::size_t k = 0; k < model.described.classes.size(); ++k)
        std::cout << ", " << model.described.classes[k] << ' ' << 100.0 * cv::countNonZero(mask == static_cast<int>(k)) / double(mask.total()) << '%';
    std::cout << " (OpenCV " << cv::getVersionString() << ")\n";
}

int main(int count, char** arguments) {
    const std::vector<std::string> given(arguments + 1, arguments + count);
    if (given.size() < 3 || given.size() > 4) {
        std::cerr << "usage: segment MODEL.onnx IMAGE MASK.png [PROBABILITIES.raw]\n";
        return 2;
    }
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);  // errors are said below, once and in words
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
    try {
        segment(given[0], given[1], given[2], given.size() == 4 ? given[3] : "");
    } catch (const std::exception& e) {
        std::cerr << "unet_nb: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
